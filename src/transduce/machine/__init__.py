"""The hardware of this machine, and the memory of this process."""
