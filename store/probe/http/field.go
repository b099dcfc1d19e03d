package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// lookUp returns one field of a JSON document as text. Each part of the path is
// the name of an object's field or the place in a list, from 0. Numbers are
// text as they were written. Errors show nothing of the document.
func lookUp(document []byte, path string) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", errors.New("it is no JSON")
	}
	for part := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case map[string]any:
			next, ok := inner[part]
			if !ok {
				return "", fmt.Errorf("it has no field %s", path)
			}
			value = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(inner) {
				return "", fmt.Errorf("it has no field %s", path)
			}
			value = inner[i]
		default:
			return "", fmt.Errorf("it has no field %s", path)
		}
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	default:
		return "", fmt.Errorf("field %s is neither text nor a number nor true or false", path)
	}
}
