"""The recovery: takes one backup instance through every group, one stage a file."""
