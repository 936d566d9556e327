"""The table for media metadata, which several legacy types share: ``data.metaData`` (§4.1)."""

from bridge.core.legacy.rules import Objects, Place
from bridge.core.payloads import MediaAudioStreamItem, MediaMetaData, MediaVideoStreamItem

VIDEO_STREAM = Place(
    MediaVideoStreamItem,
    {"bitrate": "Bitrate", "height": "Height", "width": "Width", "codec": "Codec", "fps": "Fps"},
)
AUDIO_STREAM = Place(
    MediaAudioStreamItem,
    {"bitrate": "Bitrate", "samplingRate": "SamplingRate", "codec": "Codec"},
)
METADATA = Place(
    MediaMetaData,
    {
        "size": "Size",
        "container": "Container",
        "bitrate": "Bitrate",  # bits per second in both, whatever the legacy page says
        "height": "Height",
        "width": "Width",
        "md5": "Md5",
        "floatDuration": "Duration",  # the exact one, so before the whole seconds
        "duration": "Duration",
        "rotate": "Rotate",
        "videoDuration": "VideoDuration",
        "audioDuration": "AudioDuration",
        "videoStreamList": Objects("VideoStreamSet", VIDEO_STREAM),
        "audioStreamList": Objects("AudioStreamSet", AUDIO_STREAM),
        "totalSize": None,
    },
)
