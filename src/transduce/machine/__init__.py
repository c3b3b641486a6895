"""What this machine can do, and how the process uses its memory."""
