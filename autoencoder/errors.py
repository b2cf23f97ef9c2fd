"""The mistake of a person, as opposed to a defect of ours."""


class UserError(ValueError):
  """A wrong flag, option, file or folder: the message is for the person.

  `launch.py` prints it as one line and exits with code 2, without a traceback.
  The message says what was given, what is accepted, and what to do.

  Example:

    raise UserError(f'{path} is empty; give a folder that holds pictures.')
  """
