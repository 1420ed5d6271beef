"""The command line of the entry points that take a config.

Absl shows bad values with a traceback or its whole help; a person who mistyped
a key gets one line here, and exit status 2.
"""

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import flags
from ml_collections import config_flags


def define_config() -> flags.FlagHolder:
  """Defines --config, a locked config file of configs/."""
  return config_flags.DEFINE_config_file(
    "config", None, "The config, a file of configs/.", lock_config=True
  )


def parser(
  program: str, config: flags.FlagHolder
) -> Callable[[Sequence[str]], list[str]]:
  """A parser for `absl.app.run`.

  Args:
    program: what its one line begins with.
    config: the flag of `define_config`; a file that cannot be read shows
      itself at its first use only, so the parser uses it.
  """

  def parse(argv: Sequence[str]) -> list[str]:
    try:
      rest = flags.FLAGS(argv)
      if len(rest) > 1:
        raise flags.Error(f"unexpected argument {rest[1]!r}")
      _ = config.value.model
      return rest
    except (AttributeError, KeyError) as error:  # the text is the quoted key
      key = str(error).strip("'\"")
      _usage(program, f"the config has no key {key!r}")
    except (flags.Error, TypeError, ValueError, OSError) as error:
      _usage(program, str(error))

  return parse


def _usage(program: str, message: str) -> NoReturn:
  print(f"{program}: {' '.join(message.split())}", file=sys.stderr)
  sys.exit(2)
