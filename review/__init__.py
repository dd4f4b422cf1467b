"""People in charge: requests, decisions, permissions and the desk."""
