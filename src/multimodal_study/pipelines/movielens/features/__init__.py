"""What is learnt from ratings, without an example ever meeting its own.

A row of train must not see its own rating in a feature, or a network learns to copy it. The exact
remedy, to leave out one rating, gives it away: a user's mean without a rating falls as that rating
rises, and a network that knows the user reads it off. So train is cut into ``k`` folds, and each
entity has ``k + 1`` rows: row ``f`` is learnt without fold ``f`` and serves the examples of that
fold; row ``k`` is learnt from all of train and serves validation and test. With ``history: before``
the folds are blocks of time, and row ``f`` knows the blocks before it alone.

The rows of entity ``e`` are ``e * (k + 1) + f``.
"""
