"""How are people's data kept from whoever need not see them? Rows hold what is so; everybody else gets stand-ins.

`finding` says where in a text a person's data stand, `veil` puts stand-ins in their place and takes them back, and the
`vault` keeps for each task which stands for what. `proposing` is the boundary towards models, `showing` the one towards
people, `scrubbing` the one towards logs and traces. `erasing` forgets a person.
"""
