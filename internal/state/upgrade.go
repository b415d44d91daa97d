package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/clusterform/clusterform/planner/resource"
)

// upgrades lists how to get from each version of the snapshot format to the next: upgrades()[0] makes 1 out of 0. A change
// of the format adds a line here, a stored example to testdata/upgrade, and raises formatVersion.
func upgrades() []func(map[string]json.RawMessage) error {
	return []func(map[string]json.RawMessage) error{
		recordsAsList,
	}
}

// upgrade brings a document to the present version. It returns the version it had, or -1 when that was the present one.
func upgrade(path string, raw map[string]json.RawMessage) (from int, err error) {
	if err := json.Unmarshal(raw["version"], &from); err != nil || from < 0 {
		return 0, &FileError{Path: path, Problem: Invalid, Message: `has no valid "version"`,
			Hint: "Restore it from " + path + ".backup"}
	}
	if from > formatVersion {
		by := ""
		var tool string
		if json.Unmarshal(raw["clusterform_version"], &tool) == nil && tool != "" {
			by = ", written by clusterform " + printable(tool)
		}
		return 0, &FileError{Path: path, Problem: Newer,
			Message: fmt.Sprintf("has format version %d%s; this clusterform knows up to version %d", from, by, formatVersion),
			Hint:    "Use a newer clusterform"}
	}
	if from == formatVersion {
		return -1, nil
	}
	for v, step := range upgrades()[from:] {
		if err := step(raw); err != nil {
			return 0, &FileError{Path: path, Problem: Invalid, Err: err,
				Message: fmt.Sprintf("cannot be brought from format version %d to %d", from+v, from+v+1),
				Hint:    "Restore it from " + path + ".backup"}
		}
		raw["version"] = json.RawMessage(strconv.Itoa(from + v + 1))
	}
	return from, nil
}

// recordsAsList is version 0 → 1. Version 0 had "resources", an object by address whose values did not repeat the address,
// and neither deposed records nor a digest.
func recordsAsList(raw map[string]json.RawMessage) error {
	var resources map[resource.Address]map[string]json.RawMessage
	if err := json.Unmarshal(raw["resources"], &resources); err != nil {
		return fmt.Errorf(`"resources": %w`, err)
	}
	records := []map[string]json.RawMessage{}
	for _, a := range slices.SortedFunc(maps.Keys(resources), resource.Compare) {
		r := resources[a]
		if r == nil {
			return fmt.Errorf("%s: the record is null", a)
		}
		address, err := marshal(a)
		if err != nil {
			return err
		}
		r["address"] = address
		records = append(records, r)
	}
	list, err := marshal(records)
	if err != nil {
		return err
	}
	raw["records"] = list
	delete(raw, "resources")
	return nil
}
