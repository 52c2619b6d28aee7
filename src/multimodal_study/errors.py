"""Errors that the person at the keyboard can mend."""


class InputError(ValueError):
    """Wrong data, file or parameter: the message names it and says what to do next.

    ``kedro run`` shows the message alone, without a stack trace.
    """
