package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// The forms of -o. A table is for people and may leave things out or sum them
// up; the others are complete.
const (
	formTable = "table"
	formJSON  = "json"
	formYAML  = "yaml"
	formCSV   = "csv"
)

// column is one column of tables and of CSV.
type column[T any] struct {
	head string
	cell func(T) string
	// more columns are left out of tables.
	more bool
}

// emit writes what a command found to stdout in the form of -o. The document
// is what JSON and YAML show, the rows are what tables and CSV do.
func emit[T any](c *cli, document any, rows []T, columns []column[T]) error {
	var err error
	switch c.output {
	case formTable, "":
		err = writeTable(c.stdout, rows, columns)
	case formCSV:
		err = writeCSV(c.stdout, rows, columns)
	case formJSON, formYAML:
		err = writeDocument(c.stdout, c.output, document)
	default:
		return usageError(fmt.Errorf("-o %s is unknown: want table, json, yaml or csv", c.output))
	}
	if err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

// writeDocument writes JSON, or YAML with the same names and the same order.
func writeDocument(w io.Writer, form string, document any) error {
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if form == formYAML {
		if text, err = yaml.JSONToYAML(text); err != nil {
			return err
		}
	}
	_, err = w.Write(text)
	return err
}

func writeCSV[T any](w io.Writer, rows []T, columns []column[T]) error {
	out := csv.NewWriter(w)
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = strings.ReplaceAll(strings.ToLower(c.head), " ", "_")
	}
	err := out.Write(record)
	for _, row := range rows {
		for i, c := range columns {
			record[i] = oneLine(c.cell(row))
		}
		err = errors.Join(err, out.Write(record))
	}
	out.Flush()
	return errors.Join(err, out.Error())
}

// writeTable aligns the columns; the last one may be as long as it likes.
func writeTable[T any](w io.Writer, rows []T, columns []column[T]) error {
	var lines [][]string
	var head []string
	for _, c := range columns {
		if !c.more {
			head = append(head, c.head)
		}
	}
	lines = append(lines, head)
	for _, row := range rows {
		var line []string
		for _, c := range columns {
			if !c.more {
				line = append(line, oneLine(c.cell(row)))
			}
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(head))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			text.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine makes a text from elsewhere, such as AWS's words about an error, fit
// to print: control characters could move a terminal's cursor and forge lines.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
}
