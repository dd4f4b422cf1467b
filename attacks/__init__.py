"""What can a model do that is entirely an attacker's? It is tried here, over the wire and through the real loop.

`yard` has tools that are all of low stakes, so that nothing but provenance stands in the way. `attacker` is the model:
well-behaved until it has read the first text from outside, and then trying everything. `honest` is what a good model
does with the same tools. `plays` puts them before agents, plays the people, and counts. `manage.py attack` prints it.
"""
