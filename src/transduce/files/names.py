"""Names of folders."""

import re


def is_folder_name(name: str) -> bool:
    """Whether a name is that of one folder, below any other: no path, and not the folder itself or the one above.

    >>> [is_folder_name(name) for name in ("first-try", "a/b", "..")]
    [True, False, False]
    """
    return name not in ("", ".", "..") and not re.search(r"[/\\\0]", name)
