package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/keyrotator/keyrotator"

// direction is one row of the architecture: what a package may import besides
// the standard library. Folders are relative to the module; "x/*" is any folder
// right below x, "x/..." is x and everything below it, "…" is anything.
type direction struct {
	folder  string
	ours    []string // folders of this module
	foreign []string // path prefixes of other modules
	why     string
}

// directions is searched from the top; the first row that matches a folder
// holds for it. A folder without a row is an error: whoever adds one decides
// its directions first.
var directions = []direction{
	{"rotator", []string{"store"}, nil, "the cycle is the standard library and the contract of stores"},
	{"rotator/window", core, []string{"github.com/robfig/cron/v3"}, "cron stays behind its guard"},
	{"rotator/seal", core, []string{"filippo.io/age", "github.com/aws/"}, "one sealer a file"},
	{"rotator/account", core, []string{"github.com/aws/"}, "credentials and the one transport"},
	{"rotator/iamkeys", core, []string{"github.com/aws/"}, "the only place that knows the error codes of IAM and STS"},
	{"rotator/journal", core, []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5", "github.com/google/uuid", "golang.org/x/sys"}, "one schema, its drivers"},
	{"rotator/journal/journaltest", append([]string{"rotator/journal"}, core...), []string{"pgregory.net/rapid"}, "the suite every journal passes"},
	{"rotator/rotatortest", append([]string{"rotator/journal"}, core...), nil, "the simulated world that only tests import; it crashes and restarts on a real journal"},
	{"rotator/dispatch", core, []string{"github.com/riverqueue/river", "github.com/jackc/pgx/v5"}, "the only place that knows the queue"},
	{"rotator/simulate", append([]string{"rotator/journal"}, core...), nil, "whole histories of the real core on a real journal; only tests and tools import it"},
	{"rotator/telemetry", core, []string{"go.uber.org/zap", "github.com/prometheus/"}, "the only observers that know a library"},
	{"rotator/awsemu", nil, []string{"github.com/aws/aws-sdk-go-v2/aws"}, "a test double that shares code with what it tests proves nothing; the SDK only signs"},
	{"store", nil, nil, "the contract is the standard library"},
	{"store/storetest", []string{"store"}, nil, "the suite every kind passes"},
	{"store/program", []string{"store"}, nil, "a program of the operator's own, as every kind called exec runs it"},
	{"store/hook", []string{"store"}, nil, "a receiver of the operator's own, as every kind called webhook calls it"},
	{"store/exec", []string{"store", "store/program"}, nil, "a kind knows the contract and how programs are run"},
	{"store/webhook", []string{"store", "store/hook"}, nil, "a kind knows the contract and how receivers are called"},
	{"store/reload/exec", []string{"store", "store/program"}, nil, "as store/exec"},
	{"store/reload/webhook", []string{"store", "store/hook"}, nil, "as store/webhook"},
	{"store/probe/exec", []string{"store", "store/program"}, nil, "as store/exec"},
	{"store/rest", []string{"store"}, nil, "the client that kinds without an SDK share; it knows no service"},
	{"store/rest/resttest", []string{"store"}, nil, "what the tests of kinds on plain REST share"},
	{"store/*/*test", []string{"store", "store/rest/resttest"}, []string{"github.com/golang-jwt/jwt/v5", "golang.org/x/crypto"}, "a stand-in shares no code with the kind that is tested against it"},
	{"store/azuredevops", overREST, []string{"golang.org/x/oauth2"}, "a kind on plain REST"},
	{"store/bitbucket", overREST, nil, "a kind on plain REST"},
	{"store/circleci", overREST, nil, "a kind on plain REST"},
	{"store/kubernetes", []string{"store", "store/kubernetes/apiserver"}, []string{"k8s.io/"}, "a kind knows the contract and one SDK"},
	{"store/kubernetes/apiserver", []string{"store"}, []string{"k8s.io/"}, "how the kinds of Kubernetes reach a cluster; no kind itself"},
	{"store/reload/rollout", []string{"store", "store/kubernetes/apiserver"}, []string{"k8s.io/"}, "a kind knows the contract and one SDK"},
	{"store/reload/*", []string{"store"}, []string{"…"}, "a kind knows the contract and one SDK"},
	{"store/probe/*", []string{"store"}, []string{"…"}, "a kind knows the contract and one SDK"},
	{"store/*", []string{"store"}, []string{"…"}, "a kind knows the contract and one SDK, never another kind"},
	{"config", []string{"rotator/window"}, []string{"github.com/goccy/go-yaml", "github.com/invopop/jsonschema", "github.com/pb33f/ordered-map"}, "the configuration is data; cmd makes constructors of it"},
	{"charts", nil, nil, "the chart is no program; its tests know the configuration"},
	{"internal/tools/postgres", nil, nil, "a real server for tests, started with PostgreSQL's own programs"},
	{"internal/tools/vaultserver", nil, nil, "a real Vault for tests, built of a module of its own"},
	{"internal/tools/cluster", nil, nil, "a real Kubernetes API server for tests, with Kubernetes' own programs"},
	{"internal/tools/alerts", []string{"rotator/telemetry"}, []string{"github.com/goccy/go-yaml"}, "it looks at the chart and at the program from outside"},
	{"internal/tools/k8s/...", []string{"rotator/awsemu", "internal/tools/..."}, []string{"github.com/goccy/go-yaml"}, "it looks at the chart and at the program from outside"},
	{"internal/tools/simulate", []string{"rotator/simulate"}, nil, "the command line of the simulator"},
	{"internal/tools/chaos/...", []string{"rotator", "rotator/awsemu", "rotator/journal", "rotator/seal", "internal/tools/..."}, []string{"github.com/aws/aws-sdk-go-v2/aws"}, "it drives the program from outside: the journal and the emulator are what it looks at"},
	{"cmd/...", []string{"…"}, []string{"…"}, "wiring may know everything"},
}

var (
	core     = []string{"rotator", "store"}
	overREST = []string{"store", "store/rest"}
)

// reserved libraries are known to these folders only, whatever directions says.
var reserved = []struct {
	library string
	folders []string
	why     string
}{
	{"go.uber.org/zap", []string{"rotator/telemetry", "cmd/..."}, "the core emits events; an observer logs them"},
	{"github.com/prometheus/", []string{"rotator/telemetry", "cmd/..."}, "the core emits events; an observer counts them"},
	{"github.com/aws/", []string{"rotator/account", "rotator/iamkeys", "rotator/seal", "rotator/awsemu", "store/secretsmanager", "store/ssm", "store/probe/sts", "store/probe/s3", "internal/tools/chaos/...", "cmd/..."}, "the SDK and its error codes stay in the adapters"},
	{"k8s.io/", []string{"store/kubernetes/...", "store/reload/rollout"}, "client-go and its error codes stay in the adapters"},
}

// pure names the files of package rotator that decide. They are functions of
// their arguments: no context, no clock, no randomness, no outside world.
var pure = struct {
	folder  string
	files   []string
	imports []string // and everything below these
	clock   []string // identifiers of package time
}{
	folder:  "rotator",
	files:   []string{"decide*.go", "progress*.go", "guard*.go"},
	imports: []string{"context", "math/rand", "crypto/rand", "os", "net", "syscall", "database/sql"},
	clock:   []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
}

func TestPackagesImportOnlyInTheDirectionsOfTheDesign(t *testing.T) {
	folders := listFolders(t)
	for _, f := range folders {
		for _, violation := range f.violations() {
			t.Error(violation)
		}
	}
	if len(folders) < 2 {
		t.Errorf("only %d packages were looked at: the list is broken", len(folders))
	}
}

// The rules above must be able to fail, each in its own way.
func TestEveryRuleOfTheArchitectureCanFail(t *testing.T) {
	tests := []struct {
		name, folder, file, source, want string
	}{
		{"the store contract imports the cycle", "store", "x.go", ours("rotator"), "store must not import rotator"},
		{"the store contract imports a library", "store", "x.go", imports("github.com/google/uuid"), "must not import github.com/google/uuid"},
		{"the cycle imports the configuration", "rotator", "x.go", ours("config"), "rotator must not import config"},
		{"the cycle imports a part of itself", "rotator", "x.go", ours("rotator/window"), "rotator must not import rotator/window"},
		{"the cycle imports a kind of store", "rotator", "x.go", ours("store/file"), "rotator must not import store/file"},
		{"a part of the cycle imports another part", "rotator/seal", "x.go", ours("rotator/account"), "must not import rotator/account"},
		{"a kind imports another kind", "store/ssm", "x.go", ours("store/file"), "store/ssm must not import store/file"},
		{"a kind on plain REST imports another kind", "store/circleci", "x.go", ours("store/bitbucket"), "store/circleci must not import store/bitbucket"},
		{"a kind with an SDK imports the REST client", "store/vault", "x.go", ours("store/rest"), "store/vault must not import store/rest"},
		{"the REST client imports a kind", "store/rest", "x.go", ours("store/circleci"), "store/rest must not import store/circleci"},
		{"a kind imports the cycle", "store/file", "x.go", ours("rotator"), "store/file must not import rotator"},
		{"a kind that is not AWS's imports the SDK", "store/file", "x.go", imports("github.com/aws/aws-sdk-go-v2/aws"), "reserved"},
		{"the emulator imports ours", "rotator/awsemu", "x.go", ours("store"), "rotator/awsemu must not import store"},
		{"the emulator imports a client of the SDK", "rotator/awsemu", "x.go", imports("github.com/aws/aws-sdk-go-v2/service/iam"), "must not import"},
		{"the configuration imports the cycle", "config", "x.go", ours("rotator"), "config must not import rotator"},
		{"the journal logs", "rotator/journal", "x.go", imports("go.uber.org/zap"), "reserved"},
		{"a kind counts", "store/http", "x.go", imports("github.com/prometheus/client_golang/prometheus"), "reserved"},
		{"something imports cmd", "store/file", "x.go", ours("cmd/keyrotator"), "must not import cmd/keyrotator"},
		{"a stand-in imports its kind", "store/github/githubtest", "x.go", ours("store/github"), "store/github/githubtest must not import store/github"},
		{"the program has a stand-in in it", "cmd/keyrotator", "x.go", ours("store/github/githubtest"), "which only tests import"},
		{"a folder nobody decided on", "util", "x.go", "", "has no row"},
		{"a decision takes a context", "rotator", "decide_idle.go", imports("context"), "must not import context"},
		{"a guard is random", "rotator", "guard.go", imports("math/rand/v2"), "must not import math/rand/v2"},
		{"a decision reads the clock", "rotator", "decide.go", "import \"time\"\nvar _ = time.Now", "must not use time.Now"},
		{"a fold reads the clock under another name", "rotator", "progress.go", "import t \"time\"\nvar _ = t.Since(t.Time{})", "must not use time.Since"},
		{"a decision hides the clock's name", "rotator", "decide.go", `import . "time"`, "dot import"},
		{"Decide moves to a file no pattern covers", "rotator", "choose.go", "func Decide() {}", "Decide is declared in choose.go"},
		{"an init function", "config", "x.go", "func init() {}", "init()"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fake(t, tt.folder, tt.file, tt.source)
			if got := strings.Join(f.violations(), "\n"); !strings.Contains(got, tt.want) {
				t.Errorf("violations = %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestWhatTheDesignAllowsIsNoViolation(t *testing.T) {
	for _, f := range []folder{
		fake(t, "rotator", "decide.go", "import \"time\"\nfunc Decide(now time.Time) time.Time { return now.Add(time.Hour) }"),
		fake(t, "rotator", "execute.go", "import (\"context\"; \"time\")\nvar _ context.Context\nvar _ = time.Now"),
		fake(t, "rotator", "keyring.go", ours("store")),
		fake(t, "store/vault", "x.go", imports("example.org/vault")),
		fake(t, "store/circleci", "x.go", ours("store/rest")),
		fake(t, "store/circleci/circlecitest", "x.go", ours("store/rest/resttest")),
		fake(t, "store/secretsmanager", "x.go", imports("github.com/aws/aws-sdk-go-v2/service/secretsmanager")),
		fake(t, "rotator/awsemu", "x.go", imports("github.com/aws/aws-sdk-go-v2/aws/signer/v4")),
		fake(t, "config", "x.go", "type t struct{}\nfunc (t) init() {}"),
		fake(t, "cmd/keyrotator", "x.go", ours("rotator/awsemu")),
	} {
		if v := f.violations(); v != nil {
			t.Errorf("%s: %q", f.path, v)
		}
	}
}

// folder is one package: its path in the module and its files without tests,
// those of every build tag included.
type folder struct {
	path  string
	files map[string]*ast.File
}

// violations returns a sentence for everything in the folder that breaks a rule.
func (f folder) violations() []string {
	at := slices.IndexFunc(directions, func(d direction) bool { return matches(d.folder, f.path) })
	if at < 0 {
		return []string{f.path + " has no row in directions: decide what it may import"}
	}
	var found []string
	for name, file := range f.files {
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value) // the parser has read it already
			found = append(found, f.importViolations(directions[at], name, imported)...)
		}
		if slices.ContainsFunc(pure.files, func(p string) bool { ok, _ := path.Match(p, name); return ok }) && f.path == pure.folder {
			found = append(found, impurities(name, file)...)
		} else if f.path == pure.folder && declares(file, "Decide") {
			found = append(found, fmt.Sprintf("%s: Decide is declared in %s, which none of %q covers", f.path, name, pure.files))
		}
		if declares(file, "init") {
			found = append(found, fmt.Sprintf("%s/%s has an init(): wire in cmd instead", f.path, name))
		}
	}
	return found
}

// declares reports whether the file has a function, not a method, of that name.
func declares(file *ast.File, name string) bool {
	return slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && fn.Recv == nil && fn.Name.Name == name
	})
}

func (f folder) importViolations(d direction, file, imported string) []string {
	var found []string
	inModule, isOurs := strings.CutPrefix(imported, module+"/")
	switch {
	case isOurs && !slices.ContainsFunc(d.ours, func(p string) bool { return matches(p, inModule) }):
		found = append(found, fmt.Sprintf("%s must not import %s (%s): %s", f.path, inModule, file, d.why))
	case !isOurs && !standard(imported) && !slices.ContainsFunc(d.foreign, func(p string) bool { return below(p, imported) }):
		found = append(found, fmt.Sprintf("%s must not import %s (%s): %s", f.path, imported, file, d.why))
	}
	if isOurs && strings.HasSuffix(inModule, "test") && !strings.HasSuffix(f.path, "test") {
		found = append(found, fmt.Sprintf("%s imports %s (%s), which only tests import: it would be part of the program", f.path, inModule, file))
	}
	for _, r := range reserved {
		if below(r.library, imported) && !slices.ContainsFunc(r.folders, func(p string) bool { return matches(p, f.path) }) {
			found = append(found, fmt.Sprintf("%s imports %s (%s), which is reserved for %q: %s", f.path, imported, file, r.folders, r.why))
		}
	}
	return found
}

// impurities returns what makes a file of decisions depend on more than its
// arguments.
func impurities(name string, file *ast.File) []string {
	var found []string
	clock := ""
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value) // the parser has read it already
		if slices.ContainsFunc(pure.imports, func(p string) bool { return below(p, imported) }) {
			found = append(found, fmt.Sprintf("%s decides and must not import %s", name, imported))
		}
		if spec.Name != nil && spec.Name.Name == "." {
			found = append(found, fmt.Sprintf("%s has a dot import of %s, which hides what it uses", name, imported))
		}
		if imported == "time" {
			clock = "time"
			if spec.Name != nil {
				clock = spec.Name.Name
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(pure.clock, sel.Sel.Name) {
			if x, ok := sel.X.(*ast.Ident); ok && clock != "" && x.Name == clock {
				found = append(found, fmt.Sprintf("%s decides and must not use time.%s", name, sel.Sel.Name))
			}
		}
		return true
	})
	return found
}

// matches reports whether a folder is one that the pattern of direction names.
func matches(pattern, folder string) bool {
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return folder == tree || strings.HasPrefix(folder, tree+"/")
	}
	ok, _ := path.Match(pattern, folder)
	return ok || pattern == "…"
}

// below reports whether an import path is the prefix or lies under it.
func below(prefix, imported string) bool {
	return prefix == "…" || imported == prefix || strings.HasPrefix(imported, strings.TrimSuffix(prefix, "/")+"/")
}

// standard reports whether an import path is the standard library's: those have
// no dot in their first element.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// listFolders reads every package of the module. It walks the tree itself: what
// the go command lists depends on build tags, and a cached test result would not
// see a folder that was added.
func listFolders(t *testing.T) []folder {
	t.Helper()
	root := filepath.Join("..", "..")
	byPath := map[string]folder{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && notOfTheModule(name):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		at, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		at = filepath.ToSlash(at)
		if byPath[at].files == nil {
			byPath[at] = folder{at, map[string]*ast.File{}}
		}
		byPath[at].files[filepath.Base(name)] = parse(t, name, nil)
		return nil
	})
	if err != nil {
		t.Fatalf("read the packages of the module: %v", err)
	}
	return slices.Collect(maps.Values(byPath))
}

// notOfTheModule reports whether the go command leaves a folder out of the
// module: by its name, or because it is a module of its own.
func notOfTheModule(dir string) bool {
	base := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return base == "testdata" || base == "vendor" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || err == nil
}

func fake(t *testing.T, at, file, source string) folder {
	t.Helper()
	return folder{at, map[string]*ast.File{file: parse(t, file, []byte("package x\n"+source))}}
}

func parse(t *testing.T, name string, source []byte) *ast.File {
	t.Helper()
	var src any // a nil []byte would be an empty file to the parser
	if source != nil {
		src = source
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func ours(folder string) string { return imports(module + "/" + folder) }

func imports(imported string) string { return "import _ " + strconv.Quote(imported) }
