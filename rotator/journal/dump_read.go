package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

// readDump reads a dump from its header to its end and hands every row to take,
// before it is known whether the whole is a dump: an error has to undo that. One
// that wraps ErrDump says where the file is at fault.
func readDump(r io.Reader, accept func(dumpHeader) error, take func(dumpLine) error) (Counts, error) {
	d := &dumpReader{in: bufio.NewReader(r), sum: sha256.New()}
	first, _, err := d.next()
	if err != nil {
		return Counts{}, err
	}
	h := first.Header
	switch {
	case h == nil || h.Format != dumpFormat:
		return Counts{}, d.broken("it is not the header of an exported journal")
	case h.Version != dumpVersion:
		return Counts{}, fmt.Errorf("the file is of version %d, this program reads version %d: %w", h.Version, dumpVersion, ErrDump)
	}
	if err := accept(*h); err != nil {
		return Counts{}, err
	}
	for {
		line, sum, err := d.next()
		if err != nil {
			return Counts{}, err
		}
		if line.End != nil {
			return d.counts, d.end(*line.End, sum)
		}
		if line.rows() != 1 || line.Header != nil {
			return Counts{}, d.broken("it does not hold one row")
		}
		d.counts.add(line)
		if err := take(line); err != nil {
			return Counts{}, fmt.Errorf("take line %d: %w", d.number, err)
		}
	}
}

// dumpReader reads the lines of a dump.
type dumpReader struct {
	in     *bufio.Reader
	sum    hash.Hash
	number int
	counts Counts
}

func (d *dumpReader) broken(why string) error {
	return fmt.Errorf("line %d: %s: %w", d.number, why, ErrDump)
}

// next reads one line; sum is the hash of those before it.
func (d *dumpReader) next() (line dumpLine, sum string, err error) {
	d.number++
	text, err := d.in.ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return dumpLine{}, "", d.broken("the file is cut off")
	}
	if err != nil {
		return dumpLine{}, "", fmt.Errorf("read line %d: %w", d.number, err)
	}
	sum = hex.EncodeToString(d.sum.Sum(nil))
	_, _ = d.sum.Write(text) // a hash takes everything
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		return dumpLine{}, "", d.broken("it cannot be read")
	}
	return line, sum, nil
}

// end compares the whole with what its last line says.
func (d *dumpReader) end(e dumpEnd, sum string) error {
	if e.SHA256 != sum {
		return d.broken("what comes before it was changed")
	}
	if e.Counts != d.counts {
		return d.broken("lines are missing before it")
	}
	if _, err := d.in.ReadByte(); !errors.Is(err, io.EOF) {
		return d.broken("something follows the end")
	}
	return nil
}
