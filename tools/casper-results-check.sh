#!/usr/bin/env bash
# Fails if the file's results are of a checkout older than the last commit that touched anything but documents.
set -euo pipefail

file=${1:?the results}
renew="renew it: commit everything, run make casper-test (half an hour, nothing else on the machine), commit $file"
fail() {
	echo "$file: $1; $renew" >&2
	exit 1
}

[ -f "$file" ] || fail "it is missing"
described=$(sed -n 's/^| commit | \(.*\) |$/\1/p' "$file")
[ -n "$described" ] || fail "it names no commit"
case $described in *-dirty) fail "it is of a checkout with changes that were not committed, $described" ;; esac
measured=$(git rev-parse --verify --quiet "$described^{commit}") || fail "its commit $described is not in this repository"
last=$(git log -1 --format=%H -- . ':(exclude)docs' ':(exclude,glob)**/*.md')
git merge-base --is-ancestor "$last" "$measured" ||
	fail "it is of $described, and $(git log -1 --format='%h (%s)' "$last") came later"
grep -q '^\*\*Not the whole run\*\*' "$file" && fail "it is not of the whole run"
echo "$file is of $described, and nothing but documents has changed since"
