#!/bin/sh
# help_texts.sh FILE…
#   Writes the texts of --help, tool/cli/help/*.txt, as the C source that the program has them from
#   (tool/cli/help_texts.h).  By sed, since who compiles the program need not have more than make has.
set -eu

printf '/* Made by scripts/help_texts.sh from tool/cli/help: edit the texts there. */\n'
printf '#include "help_texts.h"\n\n#include <stddef.h>\n\nconst HelpText help_texts[] = {\n'
for file in "$@"; do
	printf '\t{"%s", ""\n' "$(basename "$file" .txt)"
	sed 's/[\\"]/\\&/g; s/.*/		"&\\n"/' "$file"
	printf '\t},\n'
done
printf '\t{NULL, NULL}\n};\n'
