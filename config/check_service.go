package config

import (
	"fmt"
	"net/url"
	"strings"
)

// service checks where a web service is and whom it is trusted by.
func (c *checker) service(path, address, caFile string) {
	if at := path + ".url"; c.given(at) && c.usable(at) {
		if wrong := wrongEndpoint(address); wrong != "" {
			c.spoil(at, wrong, "")
		}
	}
	if at := path + ".ca_file"; c.given(at) && c.usable(at) {
		c.absolute(at, caFile)
	}
}

// bearer checks a token, or whatever else goes into a header as it is.
func (c *checker) bearer(at string, token Secret) {
	if !c.given(at) || !c.usable(at) {
		return
	}
	switch text := token.RevealSecretText(); {
	case text == "":
		c.fail(at, "is empty", "")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		c.fail(at, "holds a space, a line break or what is not ASCII", "a file may end in one line break, and in no more")
	}
}

// onlyOne checks that exactly one of several keys is given, and returns it.
func (c *checker) onlyOne(path string, keys []string, hint string) string {
	var given []string
	for _, key := range keys {
		if c.given(path + "." + key) {
			given = append(given, key)
		}
	}
	switch len(given) {
	case 0:
		c.fail(path, "needs one of "+strings.Join(keys, ", "), hint)
		return ""
	case 1:
		return given[0]
	}
	c.failKey(path+"."+given[1], fmt.Sprintf("cannot be given beside %s", given[0]), hint)
	return ""
}

// without refuses keys that have no use as things are.
func (c *checker) without(path, why, hint string, keys ...string) {
	for _, key := range keys {
		if at := path + "." + key; c.given(at) {
			c.failKey(at, "has no use "+why, hint)
		}
	}
}

// hostOf names the host of an address, with its port where it has one.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.ToLower(u.Host) + strings.TrimSuffix(u.Path, "/")
}
