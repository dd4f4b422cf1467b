"""What does somebody who writes an agent start from? A small definition that works as it stands, and rules to copy."""

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

CONSTRAINTS = (
    (
        "Never above an amount",
        """\
- tool: issue_refund
  verdict: deny
  why: The desk refunds up to 100 EUR
  when:
    required: [amount]
    properties:
      amount: {type: number, exclusiveMinimum: 100}
""",
    ),
    (
        "Never more than an earlier step found",
        """\
- tool: issue_refund
  verdict: deny
  why: Never more than was paid for the order
  must:
    argument: amount
    operator: at_most
    fact: 'get_order#/paid'
    same: {order_id: /order_id}
""",
    ),
    (
        "A sum in a day",
        """\
- tool: issue_refund
  verdict: deny
  why: At most 1,000 EUR a day
  limit: {most: 1000, sum: amount, within: day}
""",
    ),
    (
        "So often for each customer",
        """\
- tool: send_message
  verdict: review
  why: They have heard from us today
  limit: {most: 1, within: day, each: customer_id}
""",
    ),
    (
        "Only in office hours",
        """\
- tool: send_message
  verdict: review
  why: Nobody is there to answer
  outside: {opens: '08:00', closes: '18:00', zone: Europe/Lisbon}
""",
    ),
    (
        "Only for a group",
        """\
- tool: issue_refund
  verdict: review
  why: Somebody else than the refund leads asks for it
  facts:
    required: [submitter]
    properties:
      submitter:
        type: object
        required: [groups]
        properties:
          groups: {type: array, not: {contains: {const: Refund leads}}}
""",
    ),
)
"""Constraints to copy and change, over the tools of the sample shop."""
