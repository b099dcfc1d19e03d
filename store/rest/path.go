package rest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Path joins parts to a path, each escaped, so that no name can lead elsewhere.
// It fails for an empty part and for "." and "..", which servers resolve.
func Path(parts ...string) (string, error) {
	var path strings.Builder
	for _, part := range parts {
		if part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("make path: %q cannot be a part of one", part)
		}
		path.WriteString("/" + url.PathEscape(part))
	}
	return path.String(), nil
}

// Host names where the service is: its host, with the port and the path that
// its URL has.
func (c *Client) Host() string { return strings.ToLower(c.base.Host) + c.base.Path }

// Follow returns the path and the query by which a request calls an address
// that the service named itself, such as that of the next page. It fails for
// an address outside of the client's URL.
func (c *Client) Follow(address string) (path string, query url.Values, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, errors.New("follow address: it is not one")
	}
	below, ok := strings.CutPrefix(u.EscapedPath(), c.base.EscapedPath()+"/")
	if !ok || u.Scheme != c.base.Scheme || u.Host != c.base.Host || u.User != nil || strings.Contains("/"+below+"/", "/../") {
		return "", nil, fmt.Errorf("follow address: it lies outside of %s", c.base)
	}
	return "/" + below, u.Query(), nil
}
