package state

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
)

// A frame is one record of the journal as it stands in the file, one line:
//
//	LENGTH CRC PAYLOAD\n
//
// LENGTH is that of PAYLOAD in bytes, CRC its CRC-32C, both as eight hex digits; PAYLOAD is JSON without line breaks.
const frameHead = 8 + 1 + 8 + 1

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once by the library

func appendFrame(dst, payload []byte) []byte {
	dst = fmt.Appendf(dst, "%08x %08x ", len(payload), crc32.Checksum(payload, castagnoli()))
	dst = append(dst, payload...)
	return append(dst, '\n')
}

// frame is a frame found in a file.
type frame struct {
	payload []byte
	// offset is of its first byte, end of the first byte behind it.
	offset, end int
}

// parseFrame reads the frame at offset. incomplete tells, of one that is not there, that the data ends within what may
// have become a frame.
func parseFrame(data []byte, offset int) (f frame, ok, incomplete bool) {
	rest := data[offset:]
	for i, c := range rest[:min(len(rest), frameHead)] {
		space := i == 8 || i == frameHead-1
		if space != (c == ' ') || !space && !isHex(c) {
			return frame{}, false, false
		}
	}
	if len(rest) < frameHead {
		return frame{}, false, true
	}
	length, _ := strconv.ParseUint(string(rest[:8]), 16, 32)
	sum, _ := strconv.ParseUint(string(rest[9:17]), 16, 32)
	end := frameHead + int(length) + 1
	if end > len(rest) {
		return frame{}, false, true
	}
	payload := rest[frameHead : end-1]
	if rest[end-1] != '\n' || crc32.Checksum(payload, castagnoli()) != uint32(sum) {
		return frame{}, false, false
	}
	return frame{payload: payload, offset: offset, end: offset + end}, true, false
}

// scan is what a journal's bytes hold.
type scan struct {
	frames []frame
	// end is where the frames end; equal to the size when nothing is wrong.
	end int
	// incomplete: what follows end is the beginning of a frame.
	incomplete bool
	// later are frames found behind something unreadable at end.
	later []frame
}

func scanFrames(data []byte) scan {
	var s scan
	for s.end < len(data) {
		f, ok, incomplete := parseFrame(data, s.end)
		if !ok {
			s.incomplete = incomplete
			s.later = laterFrames(data, s.end)
			break
		}
		s.frames = append(s.frames, f)
		s.end = f.end
	}
	return s
}

// laterFrames looks for whole frames behind a damaged one. Payloads have no line breaks, so each begins behind one; or,
// when the damage is in the line break, where the damaged frame says that it ends.
func laterFrames(data []byte, offset int) []frame {
	if end, ok := declaredEnd(data[offset:]); ok {
		if later := framesFrom(data, offset+end); len(later) > 0 {
			return later
		}
	}
	var later []frame
	for offset < len(data) {
		i := bytes.IndexByte(data[offset:], '\n')
		if i < 0 {
			break
		}
		offset += i + 1
		if more := framesFrom(data, offset); len(more) > 0 {
			later = append(later, more...)
			offset = more[len(more)-1].end - 1
		}
	}
	return later
}

// framesFrom returns the unbroken run of frames from offset on.
func framesFrom(data []byte, offset int) []frame {
	var frames []frame
	for offset < len(data) {
		f, ok, _ := parseFrame(data, offset)
		if !ok {
			break
		}
		frames, offset = append(frames, f), f.end
	}
	return frames
}

// declaredEnd is where the frame at the beginning of data says that it ends, damaged or not.
func declaredEnd(data []byte) (int, bool) {
	if len(data) < frameHead {
		return 0, false
	}
	length, err := strconv.ParseUint(string(data[:8]), 16, 32)
	end := frameHead + int(length) + 1
	return end, err == nil && end <= len(data)
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
