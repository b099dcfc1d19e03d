package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// isTerminal reports whether a person sits behind the stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// confirm asks a person before a destructive act. Where nobody can be asked it
// refuses, so that a script says --yes on purpose.
func (c *cli) confirm(what string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(c.stdin) {
		return usageError(fmt.Errorf("%s\nnothing was done: there is no terminal to ask on; say --yes to go on", what))
	}
	_, _ = fmt.Fprintf(c.stderr, "%s\nGo on? Type yes: ", what) // a stream that is gone has no reader
	answer, err := bufio.NewReader(c.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != "yes" {
		return usageError(errors.New("nothing was done: the answer was not yes"))
	}
	return nil
}

// paint colours words for a terminal, or leaves them alone.
type paint bool

// paintFor looks at the stream and at the two conventions for people who want
// no colours (no-color.org, terminals that call themselves dumb).
func paintFor(stream any) paint {
	return paint(isTerminal(stream) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func (p paint) in(code, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) good(text string) string  { return p.in("32", text) }
func (p paint) bad(text string) string   { return p.in("1;31", text) }
func (p paint) quiet(text string) string { return p.in("2", text) }
func (p paint) strong(text string) string {
	return p.in("1", text)
}
func (p paint) warn(text string) string { return p.in("33", text) }
