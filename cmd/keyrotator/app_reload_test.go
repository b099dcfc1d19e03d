package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/rotator"
)

// slowPolicy lets a cycle rest in its overlap for longer than any test.
var slowPolicy = strings.Replace(strings.Replace(fastPolicy, "overlap: 0s", "overlap: 1d", 1), "max_age: 1m", "max_age: 2d", 1)

func TestAChangedFileTakesEffectByItself(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	w.user(t, "later")
	a := w.start(t, w.write(t, w.configText(fastPolicy, "ci")), w.options(t))
	w.seen.await(t, "adoption of ci", entry("ci", rotator.KindAdopted, ""))
	w.writeRaw(t, w.configText(fastPolicy, "ci", "later"))
	w.seen.await(t, "deletion of the old key of later", entry("later", rotator.KindDone, rotator.VerbDelete))
	_, page := get(t, a, "/metrics")
	for _, want := range []string{"config_last_reload_successful 1\n", `config_reloads_total{result="applied"} 2` + "\n"} {
		if !strings.Contains(page, "keyrotator_"+want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

func TestAFileWithErrorsLeavesTheFormerConfigurationInForce(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	a := w.start(t, w.write(t, w.configText(fastPolicy, "ci")), w.options(t))
	w.writeRaw(t, "users: [{}]\nnonsense: 1\n")
	w.log.await(t, "the configuration was not changed", 1)
	for _, want := range []string{`unknown key \"nonsense\"`, "configuration refused: "} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	_, page := get(t, a, "/metrics")
	for _, want := range []string{"config_last_reload_successful 0\n", `config_reloads_total{result="refused"} 1` + "\n"} {
		if !strings.Contains(page, "keyrotator_"+want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
	if len(a.rotator.Fleet().Targets) != 1 {
		t.Error("the former fleet is gone")
	}
	w.write(t, w.configText(fastPolicy, "ci"))
	w.log.await(t, "the configuration was read again and holds now", 1)
}

func TestAFileThatIsGoneForAMomentIsNoConfiguration(t *testing.T) {
	w := newWorld(t)
	text := w.configText(fastPolicy)
	a := w.start(t, w.write(t, text), w.options(t))
	if err := os.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	w.log.await(t, "the configuration was not changed", 1)
	w.write(t, text)
	w.log.await(t, "the configuration was read again and holds now", 1)
	if status, body := get(t, a, "/readyz"); status != http.StatusOK {
		t.Errorf("the daemon is not ready: %s", body)
	}
}

// Kubernetes mounts a ConfigMap as links to ..data/NAME, and updates it by
// replacing the link ..data; the file's own name never changes.
func TestAConfigMapUpdateIsSeen(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	mount := filepath.Join(w.dir, "mount")
	update := func(version string, text string) {
		dir := filepath.Join(mount, version)
		link := filepath.Join(mount, "..data_tmp")
		err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "keyrotator.yaml"), []byte(text), 0o600),
			os.Symlink(version, link), os.Rename(link, filepath.Join(mount, "..data")))
		if err != nil {
			t.Fatal(err)
		}
	}
	none := w.configText(fastPolicy)
	update("..2026_1", none)
	file := filepath.Join(mount, "keyrotator.yaml")
	if err := os.Symlink(filepath.Join("..data", "keyrotator.yaml"), file); err != nil {
		t.Fatal(err)
	}
	options := w.options(t)
	options.configPath = file
	w.start(t, w.write(t, none), options)
	update("..2026_2", w.configText(fastPolicy, "ci"))
	if err := os.RemoveAll(filepath.Join(mount, "..2026_1")); err != nil {
		t.Fatal(err)
	}
	w.seen.await(t, "adoption of ci", entry("ci", rotator.KindAdopted, ""))
	update("..2026_3", none)
	w.log.await(t, "the configuration was read again and holds now", 2)
}

func TestANeighbourOfTheFileReloadsNothing(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	w.start(t, w.write(t, w.configText(fastPolicy, "ci")), w.options(t))
	// The journal lies in the same folder and is written all the time.
	w.seen.await(t, "deletion of the old key", entry("ci", rotator.KindDone, rotator.VerbDelete))
	if strings.Contains(w.log.String(), "was read again") {
		t.Error("the configuration was read again without a change")
	}
}

func TestAnotherJournalOrIdentityNeedsARestart(t *testing.T) {
	w := newWorld(t)
	text := w.configText(fastPolicy)
	a := w.start(t, w.write(t, text), w.options(t))
	for name, other := range map[string]string{
		"journal": strings.Replace(text, "journal.db", "other.db", 1) + "sealing: {identity: " + w.dir + "/journal.db.identity}\n",
		"sealing": text + "sealing: {identity: " + w.dir + "/other.identity}\n",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := w.write(t, other)
			if err := a.Reload(t.Context(), cfg); !errors.Is(err, errRestart) || !strings.Contains(err.Error(), name) {
				t.Errorf("Reload = %v", err)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.config == cfg {
				t.Error("it took effect all the same")
			}
		})
	}
}

func TestAUserTakenOutInTheMiddleOfACycleHalts(t *testing.T) {
	w := newWorld(t)
	old := w.user(t, "ci")
	policy := strings.Replace(slowPolicy, "max_age: 2d", "max_age: 3d", 1)
	if err := w.emu.SetKeyCreated(old, w.emu.Now().AddDate(0, 0, -30)); err != nil {
		t.Fatal(err)
	}
	a := w.start(t, w.write(t, w.configText(policy, "ci")), w.options(t))
	w.seen.await(t, "push", entry("ci", rotator.KindDone, rotator.VerbPush))
	w.write(t, w.configText(policy))
	halt := w.seen.await(t, "halt", entry("ci", rotator.KindHalted, ""))
	if halt.Entry.Reason != rotator.ReasonUnconfigured {
		t.Errorf("reason = %s", halt.Entry.Reason)
	}
	_, page := get(t, a, "/metrics")
	if !strings.Contains(page, `keyrotator_halted{account="emu",reason="removed-from-configuration",user="ci"} 1`) {
		t.Error("/metrics does not tell of the halt")
	}
	if keys, _ := w.emu.Keys(testAccount, "ci"); len(keys) != 2 {
		t.Errorf("keys = %v", keys)
	}
	// An operator's request for a user whom nobody configures harms nobody.
	user := rotator.User{Account: "emu", Name: "ci"}
	for _, verb := range []string{rotator.RequestAdopt, rotator.RequestEvict, rotator.RequestRotate, rotator.RequestPause} {
		if _, err := a.journal.Append(t.Context(), rotator.Request{User: user, Verb: verb, Key: rotator.KeyID(old)}); err != nil {
			t.Fatal(err)
		}
	}
	w.seen.await(t, "pause", entry("ci", rotator.KindRequest, rotator.VerbPause))
}

func TestAUserPutBackIsManagedAgain(t *testing.T) {
	w := newWorld(t)
	w.user(t, "ci")
	none := w.configText(slowPolicy)
	w.start(t, w.write(t, w.configText(slowPolicy, "ci")), w.options(t))
	w.seen.await(t, "adoption", entry("ci", rotator.KindAdopted, ""))
	w.write(t, none)
	w.log.await(t, "the configuration was read again and holds now", 1)
	w.write(t, w.configText(fastPolicy, "ci"))
	w.seen.await(t, "opened cycle", entry("ci", rotator.KindOpened, ""))
}
