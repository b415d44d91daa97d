package image

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is one place of packages in apt's terms.
type source struct {
	URI, Suite string
	Components []string
	SignedBy   string
}

// mirror says where the packages of a system come from: the mirror that was given, else where the host gets its own from
// when it is of the same distribution. It is empty for Debian on another host: mmdebstrap then knows what to do.
func (r recipe) mirror(root, ubuntuMirror string) ([]source, error) {
	given := ""
	if r.distribution.id == ubuntu.id {
		given = ubuntuMirror
	}
	if given == "" {
		found, err := r.hostSources(root)
		if err != nil {
			return nil, fmt.Errorf("read the host's apt configuration: %w", err)
		}
		if len(found) > 0 || r.distribution.id == debian.id {
			return found, nil
		}
		return nil, fmt.Errorf("there is no mirror for %s on this host: name one by `clusterform lab up -ubuntu-mirror=URL` or the variable %s", r.distribution.title, UbuntuMirrorVariable)
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the mirror for %s is to be a URL that begins with http:// or https://", r.distribution.title)
	}
	if _, err := os.Stat(filepath.Join(root, r.distribution.keyring)); err != nil {
		return nil, fmt.Errorf("the keys of %s are missing, which verify what its mirror sends: apt-get install %s", r.distribution.title, r.distribution.pkg)
	}
	var out []source
	for _, pocket := range pockets {
		out = append(out, source{given, r.suite + pocket, r.distribution.components, r.distribution.keyring})
	}
	return out, nil
}

// UbuntuMirrorVariable is the environment variable that stands in for Options.UbuntuMirror.
const UbuntuMirrorVariable = "CLUSTERFORM_LAB_UBUNTU_MIRROR"

// pockets are the parts of a release.
var pockets = [...]string{"", "-updates", "-security"}

// hostSources reads where the host gets its packages from, for the suite of the image: the entries for the host's own
// release, moved to that suite. It is empty when the host is of another distribution.
func (r recipe) hostSources(root string) ([]source, error) {
	release, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return nil, nil //nolint:nilerr // no os-release: another distribution
	}
	values := map[string]string{}
	for line := range strings.Lines(string(release)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = strings.Trim(value, `"'`)
		}
	}
	codename := values["VERSION_CODENAME"]
	if values["ID"] != r.distribution.id || codename == "" {
		return nil, nil
	}
	var all []source
	paths := []string{filepath.Join(root, "etc/apt/sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		found, err := filepath.Glob(filepath.Join(root, "etc/apt/sources.list.d", pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if strings.HasSuffix(path, ".sources") {
			all = append(all, parseDeb822(string(data))...)
		} else {
			all = append(all, parseOneLine(string(data))...)
		}
	}
	var kept []source
	for _, s := range all {
		rest, ok := strings.CutPrefix(s.Suite, codename)
		if !ok || !slices.Contains(pockets[:], rest) || !slices.Contains(s.Components, "main") {
			continue
		}
		s.Suite, s.Components = r.suite+rest, r.distribution.components
		if !slices.ContainsFunc(kept, func(k source) bool { return k.URI == s.URI && k.Suite == s.Suite }) {
			kept = append(kept, s)
		}
	}
	if !slices.ContainsFunc(kept, func(s source) bool { return s.Suite == r.suite }) {
		return nil, nil
	}
	return kept, nil
}

// parseDeb822 reads the stanza format of sources.list.d.
func parseDeb822(text string) []source {
	var out []source
	fields, last := map[string]string{}, ""
	flush := func() {
		defer clear(fields)
		if !slices.Contains(strings.Fields(fields["types"]), "deb") || strings.EqualFold(fields["enabled"], "no") {
			return
		}
		for _, uri := range strings.Fields(fields["uris"]) {
			for _, suite := range strings.Fields(fields["suites"]) {
				out = append(out, source{uri, suite, strings.Fields(fields["components"]), strings.TrimSpace(fields["signed-by"])})
			}
		}
	}
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		line := scanner.Text()
		switch {
		case strings.TrimSpace(line) == "":
			flush()
		case strings.HasPrefix(line, "#"):
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += "\n" + line
		default:
			key, value, _ := strings.Cut(line, ":")
			last = strings.ToLower(key)
			fields[last] = strings.TrimSpace(value)
		}
	}
	flush()
	return out
}

// parseOneLine reads the one-line format of sources.list.
func parseOneLine(text string) []source {
	var out []source
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		s := source{}
		if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "[") {
			options, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				continue
			}
			for _, option := range strings.Fields(options) {
				if value, ok := strings.CutPrefix(option, "signed-by="); ok {
					s.SignedBy = value
				}
			}
			rest = after
		}
		words := strings.Fields(rest)
		if len(words) < 3 {
			continue
		}
		s.URI, s.Suite, s.Components = words[0], words[1], words[2:]
		out = append(out, s)
	}
	return out
}

// formatSources writes stanzas that mmdebstrap and the machines' apt read.
func formatSources(sources []source) string {
	var b strings.Builder
	for _, s := range sources {
		fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n", s.URI, s.Suite, strings.Join(s.Components, " "))
		if s.SignedBy != "" {
			fmt.Fprintf(&b, "Signed-By: %s\n", s.SignedBy)
		}
		b.WriteString("\n")
	}
	return b.String()
}
