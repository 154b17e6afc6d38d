# Presses Tab in an interactive zsh, which finds the completions in the folder that is named.
zmodload zsh/zpty
zpty shell zsh -f -i

# Reads what the shell shows until this is there, for 20 s at most.
expect() {
  local seen= part= end=$((SECONDS + 20))
  while [[ $seen != *$1* ]]; do
    if ((SECONDS > end)); then
      print -u2 -r -- "completions.zsh: no '$1' in ${(V)seen}"
      exit 1
    fi
    if zpty -r -t shell part; then seen+=$part; else sleep 0.05; fi
  done
}

complete() {
  zpty -w -n shell "$1"$'\t'
  expect "$2"
  # Empties the line.
  zpty -w -n shell $'\C-U'
}

zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^I' complete-word; PROMPT=; print is''ready"
expect isready
complete 'aiod-auth tok' 'aiod-auth token'
complete 'aiod-auth profile sh' 'aiod-auth profile show'
complete 'aiod-auth token --format exec' 'aiod-auth token --format exec-credential'
complete 'aiod-auth login --no-b' 'aiod-auth login --no-browser'
zpty -d shell
