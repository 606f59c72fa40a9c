package simulator

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// videoState is how far a video is processed when an event of a type is sent.
type videoState struct {
	status string
	ready  bool // it can be streamed, with a playlist and a thumbnail
}

// videoStates are the states by event type. For other types, the video is complete.
var videoStates = map[string]videoState{
	"video.uploaded":             {status: "uploaded"},
	"video.ready_for_processing": {status: "ready-for-processing"},
	"video.in_progress":          {status: "in-progress"},
	"video.process_failed":       {status: "process-failed"},
	"video.deleted":              {status: "deleted"},
}

// videoTitles and videoNotes are titles and notes of videos.
var (
	videoTitles = []string{
		"Sintel", "Tears of Steel", "Big Buck Bunny", "Elephants Dream", "Cosmos Laundromat",
		"Agent 327", "Spring", "Caminandes", "Coffee Run", "Sprite Fright", "Charge", "Wing It",
	}
	videoNotes = []string{
		"Recorded in one take, with the sound of the room left in.",
		"Cut for the evening programme; the long version follows next week.",
		"Subtitles in four languages, the French ones still to be read once more.",
		"Colours graded for outdoor screens, brighter than the festival copy.",
		"Rights cleared for two years in all regions where the series is shown.",
		"Second upload after the first had lost its last minute on the way.",
	}
)

// appendVideo appends data.video: the same video for all events of its life, in the state of
// the event, 1.5 to 6 KB long.
func (v *view) appendVideo(dst []byte) []byte {
	seed := mix(uint64(v.video) ^ companySeed(v.companyID))
	state, ok := videoStates[v.eventType]
	if !ok {
		state = videoState{status: "process-completed", ready: true}
	}
	title := videoTitles[seed%uint64(len(videoTitles))]
	folder := hexOf(seed, 4)
	uuid := uuidOf(seed)
	const bucket = "s3://processed-enterprise-media/"

	dst = append(dst, `{"id":"`...)
	dst = append(dst, hexOf(mix(seed+1), 8)...)
	dst = append(dst, hexOf(mix(seed+2), 4)...)
	dst = append(dst, `","created_at":`...)
	dst = appendTime(dst, v.uploaded)
	dst = append(dst, `,"updated_at":`...)
	dst = appendTime(dst, v.at)
	dst = append(dst, `,"deleted_at":`...)
	if v.eventType == "video.deleted" {
		dst = appendTime(dst, v.at)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"title":"`...)
	dst = append(dst, title...)
	dst = append(dst, `","uuid":"`...)
	dst = append(dst, uuid...)
	dst = append(dst, `","coid":`...)
	dst = appendString(dst, v.companyID)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, state.status...)
	dst = append(dst, `","entity_tag":"`...)
	dst = append(dst, hexOf(mix(seed+3), 8)...)
	dst = append(dst, hexOf(mix(seed+4), 8)...)
	dst = append(dst, `-37","playback":{"hls":`...)
	dst = appendMedia(dst, state.ready, bucket, folder, "/video/", uuid, "/playlist.m3u8")
	dst = append(dst, `,"dash":null},"input":{"width":1280,"height":546},"duration":`...)
	dst = strconv.AppendUint(dst, 20+seed%3600, 10)
	dst = append(dst, `,"size":`...)
	dst = strconv.AppendUint(dst, 1<<20+seed%(1<<30), 10)
	dst = append(dst, `,"ready_to_stream":`...)
	dst = strconv.AppendBool(dst, state.ready)
	dst = append(dst, `,"thumbnail":`...)
	dst = appendMedia(dst, state.ready, bucket, folder, "/video/", uuid, "/thumbnail.png")
	dst = append(dst, `,"thumbnail_timestamp_pct":null,"storage":{"bucket":"processed-enterprise-media",`...)
	dst = append(dst, `"raw_bucket":"raw-enterprise-media","meta":null},"meta":{"downloaded_from":"http://media.example.org/`...)
	dst = append(dst, strings.ReplaceAll(title, " ", "_")...)
	dst = append(dst, `.mp4","notes":"`...)
	return append(appendNotes(dst, seed), `"}}`...)
}

// appendNotes appends the customer's text about a video: usually a few hundred bytes, some
// kilobytes for one video in eight.
func appendNotes(dst []byte, seed uint64) []byte {
	lines := 10 + seed>>8%10
	if seed>>16%8 == 0 {
		lines += 24 + seed>>24%32
	}
	for i := range lines {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, videoNotes[mix(seed+i)%uint64(len(videoNotes))]...)
	}
	return dst
}

// appendMedia appends a URL that exists when the video is ready.
func appendMedia(dst []byte, ready bool, parts ...string) []byte {
	if !ready {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	for _, part := range parts {
		dst = append(dst, part...)
	}
	return append(dst, '"')
}

// companySeed derives a number from a company id.
func companySeed(companyID string) uint64 {
	var n uint64
	for _, c := range []byte(companyID) {
		n = mix(n ^ uint64(c))
	}
	return n
}

// hexOf returns the first n bytes of a number in hex, at most 8.
func hexOf(number uint64, n int) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], number)
	return hex.EncodeToString(b[:n])
}

// uuidOf derives a UUID, version 4, from a seed.
func uuidOf(seed uint64) string {
	high, low := hexOf(mix(seed+5), 8), hexOf(mix(seed+6), 8)
	return high[:8] + "-" + high[8:12] + "-4" + high[13:] + "-a" + low[1:4] + "-" + low[4:]
}
