package seal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"pgregory.net/rapid"
)

func testKey(t *testing.T) *Key {
	t.Helper()
	k, err := Ensure(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatIsSealedOpensAgain(t *testing.T) {
	t.Parallel()
	k := testKey(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed, err := k.Seal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 3 && strings.Contains(sealed, string(plain)) {
			t.Fatalf("the sealed value shows the plain one: %q", sealed)
		}
		opened, err := k.Open(sealed)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("Open = %q, %v; want %q", opened, err, plain)
		}
	})
}

func TestOpenRefusesWhatItDidNotSeal(t *testing.T) {
	t.Parallel()
	k := testKey(t)
	sealed, err := k.Seal([]byte("marker-4711"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":         {"", ErrNotSealed},
		"plain text":    {"marker-4711", ErrNotSealed},
		"only prefix":   {prefix, ErrNotSealed},
		"cut off":       {sealed[:len(sealed)-4], ErrNotSealed},
		"changed":       {sealed[:len(sealed)-4] + "AAAA", ErrNotSealed},
		"other version": {"sealed:v2:" + sealed[len(prefix):], ErrNotSealed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, err := k.Open(c.text)
			if !errors.Is(err, c.want) || plain != nil {
				t.Errorf("Open = %q, %v; want %v", plain, err, c.want)
			}
		})
	}
	t.Run("other key", func(t *testing.T) {
		t.Parallel()
		if _, err := testKey(t).Open(sealed); !errors.Is(err, ErrOtherKey) {
			t.Errorf("error %v, want ErrOtherKey", err)
		}
	})
}

func TestMACHoldsForOneTextAndOneKey(t *testing.T) {
	t.Parallel()
	k, other := testKey(t), testKey(t)
	mac := k.MAC([]byte("plan"))
	for name, c := range map[string]struct {
		key  *Key
		data string
		mac  string
		want bool
	}{
		"right":      {k, "plan", mac, true},
		"other text": {k, "plam", mac, false},
		"other key":  {other, "plan", mac, false},
		"no mac":     {k, "plan", "", false},
		"cut mac":    {k, "plan", mac[:10], false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.key.Verify([]byte(c.data), c.mac); got != c.want {
				t.Errorf("Verify = %v", got)
			}
		})
	}
}

func TestTheKeyIsNeverShown(t *testing.T) {
	t.Parallel()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	secret := identity.String()
	k, err := Parse(secret, "test")
	if err != nil {
		t.Fatal(err)
	}
	_, damaged := Parse(secret[:len(secret)-2]+"QQ", "test")
	_, twice := Parse(secret+"\n"+secret, "test")
	_, quoted := Parse(`"`+secret+`"`, "test")
	for _, text := range []string{
		fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), fmt.Sprint(damaged), fmt.Sprint(twice), fmt.Sprint(quoted),
	} {
		if strings.Contains(text, secret[20:40]) || strings.Contains(text, "<nil>") {
			t.Errorf("shows the key, or is no error: %s", text)
		}
	}
}

func TestEnsureMakesAKeyOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), ".clusterform")
	if _, err := Load(dir, nil); !errors.Is(err, ErrNoKey) {
		t.Fatalf("Load before = %v, want ErrNoKey", err)
	}
	keys := make([]*Key, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = Ensure(dir, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, k := range keys[1:] {
		if k.Public() != keys[0].Public() {
			t.Errorf("two keys: %s and %s", k.Public(), keys[0].Public())
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]os.FileMode{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		modes[e.Name()] = info.Mode().Perm()
	}
	if len(modes) != 2 || modes[FileName] != 0o600 || modes[".gitignore"] == 0 {
		t.Errorf("files %v, want seal.key (0600) and .gitignore", modes)
	}
}

func TestLoadChoosesAndChecks(t *testing.T) {
	t.Parallel()
	inEnv, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inFile, err := Ensure(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("the variable goes first", func(t *testing.T) {
		t.Parallel()
		k, err := Load(dir, []string{"HOME=/", Env + "=" + inEnv.String()})
		if err != nil || k.Public() != inEnv.Recipient().String() {
			t.Errorf("Load = %v, %v", k, err)
		}
	})
	t.Run("an empty variable is none", func(t *testing.T) {
		t.Parallel()
		k, err := Load(dir, []string{Env + "="})
		if err != nil || k.Public() != inFile.Public() {
			t.Errorf("Load = %v, %v", k, err)
		}
	})
	t.Run("a wrong variable is an error, not another key", func(t *testing.T) {
		t.Parallel()
		if _, err := Load(dir, []string{Env + "=x"}); err == nil || !strings.Contains(err.Error(), Env) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a file open to others is refused", func(t *testing.T) {
		t.Parallel()
		open := t.TempDir()
		if err := os.WriteFile(filepath.Join(open, FileName), []byte(inEnv.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(open, FileName), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Ensure(open, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("an empty file is not replaced", func(t *testing.T) {
		t.Parallel()
		empty := t.TempDir()
		if err := os.WriteFile(filepath.Join(empty, FileName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Ensure(empty, nil); err == nil || errors.Is(err, ErrNoKey) {
			t.Errorf("error %v", err)
		}
	})
}
