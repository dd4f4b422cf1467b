"""What does a new agent start from? A small definition that is valid as it stands, with a word on each part."""

STARTER = """\
# The name is the agent's address: small letters, digits and hyphens. It stays.
name: my-desk
title: My desk
description: What it is for, in a sentence.

# What a model reads first. A playbook does not read it.
prompt: |
  You help the staff of a small company. Look things up before you change anything,
  and say plainly what you could not do.

# Who proposes, in this order: "playbook", "anthropic:<model>", "openai:<model>".
models: [playbook]

# The tools that it may call; the list beside this text has them all.
tools: []

# Rules that only ever make a verdict stricter. `when` is a JSON Schema over the arguments.
constraints: []

limits: {max_steps: 12, ceiling_steps: 40}

# What the submitter reads when a person takes over.
handover: A colleague is looking at this now. You will read the outcome here.

# Patterns on the goal, and the plan that each one stands for.
playbook:
  - name: hello
    match: ['(?i)^hello']
    finish: Hello. This agent has no tools yet.
"""
