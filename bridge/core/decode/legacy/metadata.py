"""The mapping table of media metadata, ``data.metaData``, which legacy types share (vod-domain §4.1)."""

from bridge.core.decode.legacy.rules import MapObjects, MappingTable
from bridge.core.payloads import MediaAudioStreamItem, MediaMetaData, MediaVideoStreamItem

VIDEO_STREAM = MappingTable(
    MediaVideoStreamItem,
    {"bitrate": "Bitrate", "height": "Height", "width": "Width", "codec": "Codec", "fps": "Fps"},
)
AUDIO_STREAM = MappingTable(
    MediaAudioStreamItem,
    {"bitrate": "Bitrate", "samplingRate": "SamplingRate", "codec": "Codec"},
)
METADATA = MappingTable(
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
        "videoStreamList": MapObjects("VideoStreamSet", VIDEO_STREAM),
        "audioStreamList": MapObjects("AudioStreamSet", AUDIO_STREAM),
        "totalSize": None,
    },
)
