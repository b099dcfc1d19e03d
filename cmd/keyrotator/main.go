// Command keyrotator keeps AWS access keys young without ever breaking whoever
// uses them.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "keyrotator: no command is built in yet")
	os.Exit(2)
}
