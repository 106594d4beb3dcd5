"""What a venue lists: names of contracts, their terms, and the schedule of new ones.

Pure functions of dates and integers: no clock, no file, no core. What they give are inbox items
for the timelock, which decides.
"""
