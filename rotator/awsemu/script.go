package awsemu

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrScript is wrapped by every error of ParseFaults.
var ErrScript = errors.New("fault script")

// ParseFaults reads a fault script: faults parted by semicolons or line ends, each of the form
//
//	KIND [SERVICE:OPERATION | SERVICE] [xN | always] [skip=N] [user=NAME] [key=ID] [p=0.25] [for=5s]
//
// for example
//
//	throttle iam:ListAccessKeys x3; lose-answer iam:CreateAccessKey; flap-new-key
//
// KIND is a word of Kinds, SERVICE:OPERATION one of Operations. A fault hits one call, unless xN or always says
// otherwise; keep-alive acts until it is removed, and flap-new-key refuses each new key twice (xN: N times). What
// follows # on a line is a comment. All that is wrong is reported at once, each with the number of its fault.
func ParseFaults(script string) ([]Fault, error) {
	var faults []Fault
	var wrong []error
	number := 0
	for line := range strings.Lines(script) {
		line, _, _ = strings.Cut(strings.TrimRight(line, "\r\n"), "#")
		for text := range strings.SplitSeq(line, ";") {
			words := strings.Fields(text)
			if len(words) == 0 {
				continue
			}
			number++
			f, err := parseFault(words)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%w: fault %d (%q): %w", ErrScript, number, strings.TrimSpace(text), err))
				continue
			}
			faults = append(faults, f)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return faults, nil
}

func parseFault(words []string) (Fault, error) {
	f := Fault{Kind: Kind(words[0]), Count: 1}
	if !slices.Contains(Kinds(), f.Kind) {
		return Fault{}, fmt.Errorf("unknown kind %q; known are %s", words[0], joinKinds())
	}
	switch f.Kind {
	case KeepAlive:
		f.Count = 0
	case FlapNewKey:
		f.Count = 2
	default:
	}
	said := map[string]bool{}
	for _, word := range words[1:] {
		part, err := f.read(word)
		if err == nil && said[part] {
			err = fmt.Errorf("%q says the %s a second time", word, part)
		}
		if err != nil {
			return Fault{}, err
		}
		said[part] = true
	}
	if err := f.check(); err != nil {
		return Fault{}, err
	}
	return f, nil
}

// read takes one word after the kind and names the part that it sets.
func (f *Fault) read(word string) (part string, err error) {
	name, value, assigned := strings.Cut(word, "=")
	switch {
	case assigned && value == "":
		return "", fmt.Errorf("%q has no value", word)
	case assigned:
		return name, f.assign(name, value)
	case word == "always":
		f.Count = 0
		return "count", nil
	case len(word) > 1 && word[0] == 'x' && strings.Trim(word[1:], "0123456789") == "":
		f.Count, err = positive(word[1:])
		return "count", err
	default:
		return "call", f.call(word)
	}
}

func (f *Fault) assign(name, value string) (err error) {
	switch name {
	case "skip":
		f.Skip, err = positive(value)
	case "user":
		f.User = value
	case "key":
		f.KeyID = value
	case "p":
		f.Probability, err = strconv.ParseFloat(value, 64)
		if err != nil || !(f.Probability > 0 && f.Probability <= 1) {
			err = fmt.Errorf("probability %q is not a number above 0 and up to 1", value)
		}
	case "for":
		f.For, err = time.ParseDuration(value)
		if err != nil || f.For <= 0 {
			err = fmt.Errorf("%q is not a positive duration such as 5s", value)
		}
	default:
		err = fmt.Errorf("unknown option %q; known are skip, user, key, p and for", name)
	}
	return err
}

// call reads SERVICE or SERVICE:OPERATION.
func (f *Fault) call(word string) error {
	service, operation, exact := strings.Cut(word, ":")
	all := Operations()
	if !slices.ContainsFunc(all, func(o string) bool { return strings.HasPrefix(o, service+":") }) {
		return fmt.Errorf("%q is neither a call such as iam:ListAccessKeys nor xN, always, skip=, user=, key=, p= or for=", word)
	}
	if exact && !slices.Contains(all, word) {
		return fmt.Errorf("unknown call %q%s", word, suggest(word, all))
	}
	f.Service, f.Operation = service, operation
	return nil
}

// check refuses combinations that could never act.
func (f *Fault) check() error {
	only := map[Kind]string{StaleList: "ListAccessKeys", QuotaRace: "CreateAccessKey"}[f.Kind]
	if only != "" && (f.Service != "" && f.Service != iam || f.Operation != "" && f.Operation != only) {
		return fmt.Errorf("%s acts on iam:%s only", f.Kind, only)
	}
	if f.For != 0 && !slices.Contains([]Kind{Delay, LateEffect, StaleList}, f.Kind) {
		return fmt.Errorf("for= means nothing to %s", f.Kind)
	}
	return nil
}

// positive reads a whole number from 1 to a million.
func positive(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, fmt.Errorf("%q is not a whole number from 1 to 1000000", text)
	}
	return n, nil
}

func joinKinds() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// suggest names the known call that is nearest to a misspelt one, if any is near.
func suggest(word string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := edits(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits is the Levenshtein distance of two short texts.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
