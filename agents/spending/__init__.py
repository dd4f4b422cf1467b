"""What do model calls cost, who pays, and how many may be made? The ledger, budgets, pacing and health of models.

Everything here is rows that all workers share, changed in short transactions around a call and never during it.
"""
