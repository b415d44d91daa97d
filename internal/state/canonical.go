package state

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// decodeCanonical is the fast way to read a snapshot: of a file whose bytes match its digest, the layout is known (one
// record per line), so nothing needs to be parsed twice. ok is false when it is not such a file.
func decodeCanonical(data []byte) (d *decoded, ok bool, err error) {
	const tail = len(",\n\"digest\": \"") + len(digestPrefix) + 64 + len("\"\n}\n")
	cut := len(data) - tail
	if cut < 0 || !bytes.HasPrefix(data[cut:], []byte(",\n\"digest\": \"")) {
		return nil, false, nil
	}
	content := data[:cut]
	digest := string(data[cut+len(",\n\"digest\": \"") : len(data)-len("\"\n}\n")])
	if digestOf(content) != digest {
		return nil, false, nil
	}
	sections := [][]byte{[]byte("\n\"records\": ["), []byte("\n\"deposed\": ["), []byte("\n\"intents\": [")}
	var at [3]int
	for i, s := range sections {
		if at[i] = bytes.Index(content, s); at[i] < 0 || i > 0 && at[i] < at[i-1] {
			return nil, false, nil
		}
	}
	// What is left when the two long lists are cut out is a document of its own.
	head := append(bytes.Clone(content[:at[0]]), content[at[2]:]...)
	head = append(head, '}')
	var doc document
	if err := json.Unmarshal(head, &doc); err != nil {
		return nil, true, err
	}
	if doc.Format != snapshotFormat || doc.Version != formatVersion {
		return nil, false, nil
	}
	doc.Digest = digest
	b := newSnapshotBuilder(&doc)
	for i, deposed := range []bool{false, true} {
		if err := eachLine(content[at[i]+len(sections[i]):at[i+1]], func(line []byte) error { return b.record(line, deposed) }); err != nil {
			return nil, true, err
		}
	}
	d, err = b.finish(&doc)
	return d, true, err
}

// eachLine calls f with the elements of a list that stand one per line, up to the closing bracket.
func eachLine(list []byte, f func([]byte) error) error {
	for len(list) > 0 && list[0] == '\n' {
		line := list[1:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, list = line[:i], line[i:]
		} else {
			list = nil
		}
		if len(line) > 0 && line[0] == ']' {
			return nil
		}
		if err := f(bytes.TrimSuffix(line, []byte(","))); err != nil {
			return err
		}
	}
	if len(list) > 0 && list[0] == ']' {
		return nil
	}
	return fmt.Errorf("a list is not closed")
}
