package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Finding is one thing that is wrong, or unsafe, at one place of a file. It
// never holds a value that came from ${file:…} or ${env:…}.
type Finding struct {
	// File is the name that Load or Parse was given.
	File string
	// Line and Column count from 1, columns in characters.
	Line, Column int
	// Path is the place in the configuration, such as users[0].consumers[1].store;
	// empty for the whole file.
	Path string
	// Message says what is wrong, in one line.
	Message string
	// Hint says what to do; it may be empty.
	Hint string
	// Excerpt is the line and a caret below it, without a final line break;
	// empty when the file has no such line. Passwords in it are masked.
	Excerpt string
}

// String renders the finding the way compilers do.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	if f.Excerpt != "" {
		b.WriteString("\n" + f.Excerpt)
	}
	if f.Hint != "" {
		b.WriteString("\n  hint: " + f.Hint)
	}
	return b.String()
}

// Error is everything that is wrong with a configuration, sorted by place. Find
// it with errors.As.
type Error struct {
	Findings []Finding
}

// Error renders all findings and their number.
func (e *Error) Error() string {
	var b strings.Builder
	for _, f := range e.Findings {
		b.WriteString(f.String() + "\n")
	}
	noun := "errors"
	if len(e.Findings) == 1 {
		noun = "error"
	}
	fmt.Fprintf(&b, "configuration refused: %d %s", len(e.Findings), noun)
	return b.String()
}

// sortFindings orders by place and drops what is said twice.
func sortFindings(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(findings)
}
