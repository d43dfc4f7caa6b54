#pragma once

/// How many columns the terminal behind a file descriptor has; 0 where there is no terminal, or it does not say.
int influence_terminal_columns(int descriptor);
