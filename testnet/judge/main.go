// Judge trusts nobody. It imports the standard library only: it has its own BLAKE2b, builds the
// signed bytes from the fields itself, and verifies with crypto/ed25519.
//
//	judge [transcript] --key 01HEX FILE
//	judge units --key 01HEX [--json] FILE...
//
// The first reads a transcript of requests and answers. It promises to exit with 0 only if every
// signature in the transcript is the key's over what the answer says it is over, every "bound"
// answer is of the slot that was asked for and of another value, and no slot has two values signed.
// Whether the answers are the ones that one would wish for is for others to say.
//
// The second reads unit files, the write-ahead logs of Zug, that other validators wrote. It
// promises to exit with 0 only if the files are readable to their ends, every message under the
// validator's index is signed by the key, no two of its messages contradict each other, in one file
// or in several, and no file holds evidence against it. It also says in which rounds the others
// have no Echo or no Vote of the validator; whether that is too many is for others to say, and
// whether such a round is lost: package report has the definition, and the judge a count of its
// own, since it imports nothing of ours. With --json the findings stand on standard output as one
// object, the type findings, and the lines for people on standard error.
package main

import (
	"crypto/ed25519"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

// run is the program without the process; args are without its name.
func run(args []string, out, diag io.Writer) error {
	command := "transcript"
	if len(args) > 0 && (args[0] == "transcript" || args[0] == "units") {
		command, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("judge "+command, flag.ExitOnError)
	key := flags.String("key", "", "the validator's public key, 01 and 64 hex digits")
	asJSON := new(bool)
	if command == "units" {
		asJSON = flags.Bool("json", false, "write the findings as JSON, and the lines to standard error")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	public, err := tagged(*key, ed25519.PublicKeySize)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	if command == "transcript" {
		return judgeTranscript(public, flags.Arg(0), out)
	}
	if *asJSON {
		return judgeUnits(public, flags.Args(), out, diag)
	}
	return judgeUnits(public, flags.Args(), nil, out)
}
