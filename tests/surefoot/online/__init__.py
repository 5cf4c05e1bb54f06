"""Online operations on real servers: what is there afterwards, whoever was writing and whatever was cut off."""
