"""Where do the systems without steps of their own keep a task's progress? In one row, updated after each step."""

TABLE = """
    CREATE TABLE IF NOT EXISTS bench_task (
        id bigserial PRIMARY KEY,
        goal text NOT NULL,
        step integer NOT NULL DEFAULT 0,
        state jsonb,
        done boolean NOT NULL DEFAULT false
    )
"""
INSERT = "INSERT INTO bench_task (goal) VALUES (%s) RETURNING id"
UPDATE = "UPDATE bench_task SET step = %s, state = %s, done = %s WHERE id = %s"
FINISHED = "SELECT count(*) FROM bench_task WHERE done"
