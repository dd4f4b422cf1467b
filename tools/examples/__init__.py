"""Tools that show how tools are written."""
