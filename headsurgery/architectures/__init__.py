"""What a model family calls its attention, and where a checkpoint or a live model has its heads.

`declaration` is the form of a row, `families` holds the rows, `table` finds one for a configuration, `location` proves it from
names and shapes, `uniformity` knows what keeps a head without queries from attending uniformly.
"""
