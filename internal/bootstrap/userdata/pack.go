package userdata

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/ascii85"
	"regexp"
	"strings"
)

//go:embed *.py *.sh *.service *.timer
var sources embed.FS

// remarks are what people need and a node does not: lines of comments but the first, the docstrings, empty lines.
var remarks = regexp.MustCompile(`(?m)^(?:[ \t]*#(?:[^!].*)?|[ \t]*"""[^"]*"""|[ \t]*)\n|  # .*$`)

// pack puts the node's programs and units into a compressed archive, written with ASCII in lines. The parts of the node's
// program are joined after shared.sh; extra is the user's own script, if it goes with them.
func pack(s settings, extra string) (string, error) {
	program := ""
	for _, name := range append([]string{"shared.sh"}, s.program...) {
		text, err := sources.ReadFile(name)
		if err != nil {
			return "", err
		}
		program += string(text)
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	w := tar.NewWriter(z)
	add := func(path, text string, mode int64) {
		if err == nil {
			err = w.WriteHeader(&tar.Header{Name: path, Mode: mode, Size: int64(len(text)), Format: tar.FormatUSTAR})
		}
		if err == nil {
			_, err = w.Write([]byte(text))
		}
	}
	cf, err := sources.ReadFile("cf.py")
	if err != nil {
		return "", err
	}
	add("usr/local/lib/clusterform/cf", remarks.ReplaceAllString(string(cf), ""), 0o755)
	add("usr/local/sbin/clusterform-node", remarks.ReplaceAllString(program, ""), 0o755)
	units := []string{"clusterform-node.service", "clusterform-api.service", "clusterform-api.timer"}
	for _, name := range s.daily {
		text, readErr := sources.ReadFile(name + ".sh")
		if readErr != nil {
			return "", readErr
		}
		add("usr/local/lib/clusterform/"+name, remarks.ReplaceAllString(string(text), ""), 0o755)
		units = append(units, "clusterform-"+name+".service", "clusterform-"+name+".timer")
	}
	for _, unit := range units {
		text, readErr := sources.ReadFile(unit)
		if readErr != nil {
			return "", readErr
		}
		add("etc/systemd/system/"+unit, string(text), 0o644)
	}
	if extra != "" {
		add(strings.TrimPrefix(extraPath, "/"), extra, 0o700)
	}
	if err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return lines(out.Bytes()), nil
}

// lines is ASCII85 in lines of 120 characters.
func lines(data []byte) string {
	text := make([]byte, ascii85.MaxEncodedLen(len(data)))
	text = text[:ascii85.Encode(text, data)]
	var b strings.Builder
	for len(text) > 0 {
		n := min(120, len(text))
		b.Write(text[:n])
		b.WriteByte('\n')
		text = text[n:]
	}
	return b.String()
}
