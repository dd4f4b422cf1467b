"""Countersign in one process, to try it: web, worker, sweeper and SQLite in a folder of its own."""
