"""The vendor's payload structs. Generated: edit `schemas/gen_payload_structs.py` instead.

From tencentcloud-sdk-python-vod 3.1.194 (API 2018-07-17): 325 structs, 1664 fields. Every field may be absent or null,
unknown keys are allowed, names are the vendor's own. `bridge.core.decode.schema` derives strict structs.
"""

from __future__ import annotations

from msgspec import Struct


class Payload(Struct, kw_only=True, omit_defaults=True):
    """The base class of the vendor's structs: absent and null mean the same."""


class AdaptiveDynamicStreamingInfoItem(Payload):
    """Part of MediaProcessTaskAdaptiveDynamicStreamingResult, ReduceMediaBitrateAdaptiveDynamicStreamingResult."""

    BlindWatermarkDefinition: int | None = None  # blind watermark definition
    CopyRightWatermarkText: str | None = None  # copy right watermark text
    DefaultSubtitleId: str | None = None  # default subtitle id
    Definition: int | None = None  # template number used
    DigitalWatermarkType: str | None = None  # digital watermark type
    DrmEncryptType: str | None = None  # drm encrypt type
    DrmType: str | None = None  # encryption kind
    Package: str | None = None  # HLS or MPEG-DASH
    Size: int | None = None  # byte size
    SubStreamSet: list[MediaSubStreamInfoItem] | None = None  # sub stream list
    SubtitleSet: list[MediaSubtitleItem] | None = None  # subtitle ids
    Url: str | None = None  # file address


class AdaptiveDynamicStreamingTaskInput(Payload):
    """Part of MediaProcessTaskAdaptiveDynamicStreamingResult, ReduceMediaBitrateAdaptiveDynamicStreamingResult."""

    BlindWatermark: BlindWatermarkInput | None = None  # digital watermark settings
    CopyRightWatermark: CopyRightWatermarkInput | None = None  # copyright watermark settings
    Definition: int | None = None  # template number used
    DrmInfo: ThirdPartyDrmInfo | None = None  # drm info
    SubtitleInfoSet: list[SubtitleInfoInput] | None = None  # subtitle info list
    SubtitleSet: list[str] | None = None  # subtitle ids
    TraceWatermark: TraceWatermarkInput | None = None  # tracing watermark settings
    WatermarkSet: list[WatermarkInput] | None = None  # watermarks applied


class AdvancedElementInfo(Payload):
    """Part of CreateAigcAdvancedCustomElementOutput."""

    ElementId: str | None = None  # element id
    ElementInfo: str | None = None  # element info


class AdvancedSuperResolutionConfig(Payload):
    """Part of ImageEnhanceConfig."""

    Height: int | None = None  # pixel height
    LongSide: int | None = None  # long side
    Mode: str | None = None  # mode; one of aspect fixed percent
    Percent: int | float | None = None  # percent
    ShortSide: int | None = None  # short side
    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of standard super
    Width: int | None = None  # pixel width


class AiAnalysisResult(Payload):
    """Part of ProcedureTask."""

    ClassificationTask: AiAnalysisTaskClassificationResult | None = None  # classification task
    CoverTask: AiAnalysisTaskCoverResult | None = None  # cover task
    FrameTagTask: AiAnalysisTaskFrameTagResult | None = None  # frame tag task
    HighlightTask: AiAnalysisTaskHighlightResult | None = None  # highlight task
    TagTask: AiAnalysisTaskTagResult | None = None  # tag task
    Type: str | None = None  # kind discriminator; one of Classification Cover Tag FrameTag Highlight


class AiAnalysisTaskClassificationInput(Payload):
    """Part of AiAnalysisTaskClassificationResult."""

    Definition: int | None = None  # template number used


class AiAnalysisTaskClassificationOutput(Payload):
    """Part of AiAnalysisTaskClassificationResult."""

    ClassificationSet: list[MediaAiAnalysisClassificationItem] | None = None  # classification list; at most 100 shown
    ClassificationSetFileUrl: str | None = None  # classification list file address
    ClassificationSetFileUrlExpireTime: str | None = None  # classification list file address expire time


class AiAnalysisTaskClassificationResult(Payload):
    """Part of AiAnalysisResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiAnalysisTaskClassificationInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiAnalysisTaskClassificationOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiAnalysisTaskCoverInput(Payload):
    """Part of AiAnalysisTaskCoverResult."""

    Definition: int | None = None  # template number used


class AiAnalysisTaskCoverOutput(Payload):
    """Part of AiAnalysisTaskCoverResult."""

    CoverSet: list[MediaAiAnalysisCoverItem] | None = None  # cover list; at most 100 shown
    CoverSetFileUrl: str | None = None  # cover list file address
    CoverSetFileUrlExpireTime: str | None = None  # cover list file address expire time


class AiAnalysisTaskCoverResult(Payload):
    """Part of AiAnalysisResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiAnalysisTaskCoverInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiAnalysisTaskCoverOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiAnalysisTaskFrameTagInput(Payload):
    """Part of AiAnalysisTaskFrameTagResult."""

    Definition: int | None = None  # template number used


class AiAnalysisTaskFrameTagOutput(Payload):
    """Part of AiAnalysisTaskFrameTagResult."""

    SegmentSet: list[MediaAiAnalysisFrameTagSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry


class AiAnalysisTaskFrameTagResult(Payload):
    """Part of AiAnalysisResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiAnalysisTaskFrameTagInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiAnalysisTaskFrameTagOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiAnalysisTaskHighlightInput(Payload):
    """Part of AiAnalysisTaskHighlightResult."""

    Definition: int | None = None  # template number used


class AiAnalysisTaskHighlightOutput(Payload):
    """Part of AiAnalysisTaskHighlightResult."""

    HighlightSet: list[MediaAiAnalysisHighlightItem] | None = None  # highlight list; at most 100 shown
    HighlightSetFileUrl: str | None = None  # highlight list file address
    HighlightSetFileUrlExpireTime: str | None = None  # highlight list file address expire time


class AiAnalysisTaskHighlightResult(Payload):
    """Part of AiAnalysisResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiAnalysisTaskHighlightInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiAnalysisTaskHighlightOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiAnalysisTaskTagInput(Payload):
    """Part of AiAnalysisTaskTagResult."""

    Definition: int | None = None  # template number used


class AiAnalysisTaskTagOutput(Payload):
    """Part of AiAnalysisTaskTagResult."""

    TagSet: list[MediaAiAnalysisTagItem] | None = None  # tags; at most 100 shown
    TagSetFileUrl: str | None = None  # tag list file address
    TagSetFileUrlExpireTime: str | None = None  # tag list file address expire time


class AiAnalysisTaskTagResult(Payload):
    """Part of AiAnalysisResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiAnalysisTaskTagInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiAnalysisTaskTagOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiContentReviewResult(Payload):
    """Part of ProcedureTask."""

    PoliticalAsrTask: AiReviewTaskPoliticalAsrResult | None = None  # political asr task
    PoliticalOcrTask: AiReviewTaskPoliticalOcrResult | None = None  # political ocr task
    PoliticalTask: AiReviewTaskPoliticalResult | None = None  # political task
    PornAsrTask: AiReviewTaskPornAsrResult | None = None  # porn asr task
    PornOcrTask: AiReviewTaskPornOcrResult | None = None  # porn ocr task
    PornTask: AiReviewTaskPornResult | None = None  # porn task
    ProhibitedAsrTask: AiReviewTaskProhibitedAsrResult | None = None  # prohibited asr task
    ProhibitedOcrTask: AiReviewTaskProhibitedOcrResult | None = None  # prohibited ocr task
    TerrorismOcrTask: AiReviewTaskTerrorismOcrResult | None = None  # terrorism ocr task
    TerrorismTask: AiReviewTaskTerrorismResult | None = None  # terrorism task
    Type: str | None = None  # kind discriminator; one of Porn Terrorism Political Porn.Asr Porn.Ocr Political.Asr Political.Ocr Terrorism.Ocr Prohibited.Asr Prohibited.Ocr


class AiCutOutConfig(Payload):
    """Part of ProcessImageAsyncTask."""

    Model: str | None = None  # model; one of cutout-1.0-lite cutout-1.0-flash
    PatternConfig: PatternConfig | None = None  # pattern config
    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator


class AiRecognitionResult(Payload):
    """Part of ProcedureTask."""

    AsrFullTextTask: AiRecognitionTaskAsrFullTextResult | None = None  # asr full text task
    AsrTranslateTask: AiRecognitionTaskAsrTranslateResult | None = None  # asr translate task
    AsrWordsTask: AiRecognitionTaskAsrWordsResult | None = None  # asr words task
    FaceTask: AiRecognitionTaskFaceResult | None = None  # face task
    HeadTailTask: AiRecognitionTaskHeadTailResult | None = None  # head tail task
    ObjectTask: AiRecognitionTaskObjectResult | None = None  # object task
    OcrFullTextTask: AiRecognitionTaskOcrFullTextResult | None = None  # ocr full text task
    OcrWordsTask: AiRecognitionTaskOcrWordsResult | None = None  # ocr words task
    SegmentTask: AiRecognitionTaskSegmentResult | None = None  # segment task
    Type: str | None = None  # kind discriminator; one of FaceRecognition AsrWordsRecognition OcrWordsRecognition AsrFullTextRecognition AsrTranslateRecognition OcrFullTextRecognition HeadTailRecognition ObjectRecognition


class AiRecognitionTaskAsrFullTextResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskAsrFullTextResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskAsrFullTextResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskAsrFullTextResultInput(Payload):
    """Part of AiRecognitionTaskAsrFullTextResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskAsrFullTextResultOutput(Payload):
    """Part of AiRecognitionTaskAsrFullTextResult."""

    SegmentSet: list[AiRecognitionTaskAsrFullTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    SubtitleSet: list[AiRecognitionTaskAsrFullTextResultOutputSubtitleItem] | None = None  # subtitle ids
    SubtitleUrl: str | None = None  # subtitle address


class AiRecognitionTaskAsrFullTextResultOutputSubtitleItem(Payload):
    """Part of AiRecognitionTaskAsrFullTextResultOutput, AiRecognitionTaskAsrTranslateResultOutput."""

    Format: str | None = None  # format name; one of vtt srt
    Id: str | None = None  # identifier
    Language: str | None = None  # language
    Name: str | None = None  # display name
    Url: str | None = None  # file address


class AiRecognitionTaskAsrFullTextSegmentItem(Payload):
    """Part of AiRecognitionTaskAsrFullTextResultOutput."""

    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start
    Text: str | None = None  # text content


class AiRecognitionTaskAsrTranslateResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskAsrTranslateResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskAsrTranslateResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskAsrTranslateResultInput(Payload):
    """Part of AiRecognitionTaskAsrTranslateResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskAsrTranslateResultOutput(Payload):
    """Part of AiRecognitionTaskAsrTranslateResult."""

    SegmentSet: list[AiRecognitionTaskAsrTranslateSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    SubtitleSet: list[AiRecognitionTaskAsrFullTextResultOutputSubtitleItem] | None = None  # subtitle ids


class AiRecognitionTaskAsrTranslateSegmentItem(Payload):
    """Part of AiRecognitionTaskAsrTranslateResultOutput."""

    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start
    Text: str | None = None  # text content
    Translation: str | None = None  # translation


class AiRecognitionTaskAsrWordsResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskAsrWordsResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskAsrWordsResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskAsrWordsResultInput(Payload):
    """Part of AiRecognitionTaskAsrWordsResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskAsrWordsResultItem(Payload):
    """Part of AiRecognitionTaskAsrWordsResultOutput."""

    SegmentSet: list[AiRecognitionTaskAsrWordsSegmentItem] | None = None  # hit segments (first items only)
    Word: str | None = None  # word


class AiRecognitionTaskAsrWordsResultOutput(Payload):
    """Part of AiRecognitionTaskAsrWordsResult."""

    ResultSet: list[AiRecognitionTaskAsrWordsResultItem] | None = None  # results (first items only); at most 100 shown
    ResultSetFileUrl: str | None = None  # full result list address
    ResultSetFileUrlExpireTime: str | None = None  # that address expiry


class AiRecognitionTaskAsrWordsSegmentItem(Payload):
    """Part of AiRecognitionTaskAsrWordsResultItem."""

    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start


class AiRecognitionTaskFaceResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskFaceResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskFaceResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskFaceResultInput(Payload):
    """Part of AiRecognitionTaskFaceResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskFaceResultItem(Payload):
    """Part of AiRecognitionTaskFaceResultOutput."""

    Id: str | None = None  # identifier
    Name: str | None = None  # display name
    SegmentSet: list[AiRecognitionTaskFaceSegmentItem] | None = None  # hit segments (first items only)
    Type: str | None = None  # kind discriminator; one of Default UserDefine


class AiRecognitionTaskFaceResultOutput(Payload):
    """Part of AiRecognitionTaskFaceResult."""

    ResultSet: list[AiRecognitionTaskFaceResultItem] | None = None  # results (first items only); at most 100 shown
    ResultSetFileUrl: str | None = None  # full result list address
    ResultSetFileUrlExpireTime: str | None = None  # that address expiry


class AiRecognitionTaskFaceSegmentItem(Payload):
    """Part of AiRecognitionTaskFaceResultItem."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start


class AiRecognitionTaskHeadTailResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskHeadTailResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskHeadTailResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskHeadTailResultInput(Payload):
    """Part of AiRecognitionTaskHeadTailResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskHeadTailResultOutput(Payload):
    """Part of AiRecognitionTaskHeadTailResult."""

    HeadConfidence: int | float | None = None  # head confidence
    HeadTimeOffset: int | float | None = None  # head time offset
    TailConfidence: int | float | None = None  # tail confidence
    TailTimeOffset: int | float | None = None  # tail time offset


class AiRecognitionTaskObjectResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskObjectResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskObjectResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskObjectResultInput(Payload):
    """Part of AiRecognitionTaskObjectResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskObjectResultItem(Payload):
    """Part of AiRecognitionTaskObjectResultOutput."""

    Name: str | None = None  # display name
    RecognitionSegmentSet: list[AiRecognitionTaskObjectSegmentItem] | None = None  # recognition segment list
    SegmentSet: list[AiRecognitionTaskObjectSeqmentItem] | None = None  # hit segments (first items only)


class AiRecognitionTaskObjectResultOutput(Payload):
    """Part of AiRecognitionTaskObjectResult."""

    ResultSet: list[AiRecognitionTaskObjectResultItem] | None = None  # results (first items only); at most 100 shown
    ResultSetFileUrl: str | None = None  # full result list address
    ResultSetFileUrlExpireTime: str | None = None  # that address expiry


class AiRecognitionTaskObjectSegmentItem(Payload):
    """Part of AiRecognitionTaskObjectResultItem."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start


class AiRecognitionTaskObjectSeqmentItem(Payload):
    """Part of AiRecognitionTaskObjectResultItem."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start


class AiRecognitionTaskOcrFullTextResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskOcrFullTextResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskOcrFullTextResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskOcrFullTextResultInput(Payload):
    """Part of AiRecognitionTaskOcrFullTextResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskOcrFullTextResultOutput(Payload):
    """Part of AiRecognitionTaskOcrFullTextResult."""

    SegmentSet: list[AiRecognitionTaskOcrFullTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry


class AiRecognitionTaskOcrFullTextSegmentItem(Payload):
    """Part of AiRecognitionTaskOcrFullTextResultOutput."""

    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start
    TextSet: list[AiRecognitionTaskOcrFullTextSegmentTextItem] | None = None  # text list


class AiRecognitionTaskOcrFullTextSegmentTextItem(Payload):
    """Part of AiRecognitionTaskOcrFullTextSegmentItem."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    Text: str | None = None  # text content


class AiRecognitionTaskOcrWordsResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskOcrWordsResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskOcrWordsResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskOcrWordsResultInput(Payload):
    """Part of AiRecognitionTaskOcrWordsResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskOcrWordsResultItem(Payload):
    """Part of AiRecognitionTaskOcrWordsResultOutput."""

    SegmentSet: list[AiRecognitionTaskOcrWordsSegmentItem] | None = None  # hit segments (first items only)
    Word: str | None = None  # word


class AiRecognitionTaskOcrWordsResultOutput(Payload):
    """Part of AiRecognitionTaskOcrWordsResult."""

    ResultSet: list[AiRecognitionTaskOcrWordsResultItem] | None = None  # results (first items only); at most 100 shown
    ResultSetFileUrl: str | None = None  # full result list address
    ResultSetFileUrlExpireTime: str | None = None  # that address expiry


class AiRecognitionTaskOcrWordsSegmentItem(Payload):
    """Part of AiRecognitionTaskOcrWordsResultItem."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start


class AiRecognitionTaskSegmentResult(Payload):
    """Part of AiRecognitionResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AiRecognitionTaskSegmentResultInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiRecognitionTaskSegmentResultOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiRecognitionTaskSegmentResultInput(Payload):
    """Part of AiRecognitionTaskSegmentResult."""

    Definition: int | None = None  # template number used


class AiRecognitionTaskSegmentResultOutput(Payload):
    """Part of AiRecognitionTaskSegmentResult."""

    SegmentSet: list[AiRecognitionTaskSegmentSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry


class AiRecognitionTaskSegmentSegmentItem(Payload):
    """Part of AiRecognitionTaskSegmentResultOutput."""

    Confidence: int | float | None = None  # score of certainty
    CovImgUrl: str | None = None  # cov img address
    EndTimeOffset: int | float | None = None  # segment end
    FileId: str | None = None  # media file identifier
    SegmentUrl: str | None = None  # segment address
    SpecialInfo: str | None = None  # special info
    StartTimeOffset: int | float | None = None  # segment start


class AiReviewPoliticalAsrTaskInput(Payload):
    """Part of AiReviewTaskPoliticalAsrResult."""

    Definition: int | None = None  # template number used


class AiReviewPoliticalAsrTaskOutput(Payload):
    """Part of AiReviewTaskPoliticalAsrResult."""

    Confidence: int | float | None = None  # score of certainty
    SegmentSet: list[MediaContentReviewAsrTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewPoliticalOcrTaskInput(Payload):
    """Part of AiReviewTaskPoliticalOcrResult."""

    Definition: int | None = None  # template number used


class AiReviewPoliticalOcrTaskOutput(Payload):
    """Part of AiReviewTaskPoliticalOcrResult."""

    Confidence: int | float | None = None  # score of certainty
    SegmentSet: list[MediaContentReviewOcrTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewPoliticalTaskInput(Payload):
    """Part of AiReviewTaskPoliticalResult."""

    Definition: int | None = None  # template number used


class AiReviewPoliticalTaskOutput(Payload):
    """Part of AiReviewTaskPoliticalResult."""

    Confidence: int | float | None = None  # score of certainty
    Label: str | None = None  # hit label; one of violation_photo politician
    SegmentSet: list[MediaContentReviewPoliticalSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewPornAsrTaskInput(Payload):
    """Part of AiReviewTaskPornAsrResult."""

    Definition: int | None = None  # template number used


class AiReviewPornAsrTaskOutput(Payload):
    """Part of AiReviewTaskPornAsrResult."""

    Confidence: int | float | None = None  # score of certainty
    SegmentSet: list[MediaContentReviewAsrTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewPornOcrTaskInput(Payload):
    """Part of AiReviewTaskPornOcrResult."""

    Definition: int | None = None  # template number used


class AiReviewPornOcrTaskOutput(Payload):
    """Part of AiReviewTaskPornOcrResult."""

    Confidence: int | float | None = None  # score of certainty
    SegmentSet: list[MediaContentReviewOcrTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewPornTaskInput(Payload):
    """Part of AiReviewTaskPornResult."""

    Definition: int | None = None  # template number used


class AiReviewPornTaskOutput(Payload):
    """Part of AiReviewTaskPornResult."""

    Confidence: int | float | None = None  # score of certainty
    Label: str | None = None  # hit label; one of porn sexy vulgar intimacy
    SegmentSet: list[MediaContentReviewSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewProhibitedAsrTaskInput(Payload):
    """Part of AiReviewTaskProhibitedAsrResult."""

    Definition: int | None = None  # template number used


class AiReviewProhibitedAsrTaskOutput(Payload):
    """Part of AiReviewTaskProhibitedAsrResult."""

    Confidence: int | float | None = None  # score of certainty
    SegmentSet: list[MediaContentReviewAsrTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewProhibitedOcrTaskInput(Payload):
    """Part of AiReviewTaskProhibitedOcrResult."""

    Definition: int | None = None  # template number used


class AiReviewProhibitedOcrTaskOutput(Payload):
    """Part of AiReviewTaskProhibitedOcrResult."""

    Confidence: int | float | None = None  # score of certainty
    SegmentSet: list[MediaContentReviewOcrTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewTaskPoliticalAsrResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewPoliticalAsrTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewPoliticalAsrTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskPoliticalOcrResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewPoliticalOcrTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewPoliticalOcrTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskPoliticalResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewPoliticalTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewPoliticalTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskPornAsrResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewPornAsrTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewPornAsrTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskPornOcrResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewPornOcrTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewPornOcrTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskPornResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewPornTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewPornTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskProhibitedAsrResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewProhibitedAsrTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewProhibitedAsrTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskProhibitedOcrResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewProhibitedOcrTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewProhibitedOcrTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskTerrorismOcrResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewTerrorismOcrTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewTerrorismOcrTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTaskTerrorismResult(Payload):
    """Part of AiContentReviewResult."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AiReviewTerrorismTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AiReviewTerrorismTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class AiReviewTerrorismOcrTaskInput(Payload):
    """Part of AiReviewTaskTerrorismOcrResult."""

    Definition: int | None = None  # template number used


class AiReviewTerrorismOcrTaskOutput(Payload):
    """Part of AiReviewTaskTerrorismOcrResult."""

    Confidence: int | float | None = None  # score of certainty
    SegmentSet: list[MediaContentReviewOcrTextSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiReviewTerrorismTaskInput(Payload):
    """Part of AiReviewTaskTerrorismResult."""

    Definition: int | None = None  # template number used


class AiReviewTerrorismTaskOutput(Payload):
    """Part of AiReviewTaskTerrorismResult."""

    Confidence: int | float | None = None  # score of certainty
    Label: str | None = None  # hit label; one of guns crowd police bloody banners militant explosion terrorists scenario
    SegmentSet: list[MediaContentReviewSegmentItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class AiTryOnConfig(Payload):
    """Part of AigcImageSceneInfo."""

    ClothesFileInfos: list[SceneAigcImageTaskInputFileInfo] | None = None  # clothes file infos
    Model: str | None = None  # model; one of WAND-tryon-1.0-lite WAND-tryon-1.0-flash WAND-tryon-1.0-pro
    Prompt: str | None = None  # generation prompt


class AigcFaceIdentityInfo(Payload):
    """Part of AigcFaceInfo."""

    EndTime: int | None = None  # end time
    FaceId: str | None = None  # face id
    FaceImage: str | None = None  # face image
    StartTime: int | None = None  # start time


class AigcFaceInfo(Payload):
    """Part of DescribeAigcFaceInfoAsyncOutput."""

    FaceInfoList: list[AigcFaceIdentityInfo] | None = None  # face info list
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)


class AigcFaceInputFileInfo(Payload):
    """Part of DescribeAigcFaceInfoAsyncInput."""

    FileId: str | None = None  # media file identifier
    Type: str | None = None  # kind discriminator; one of File Url
    Url: str | None = None  # file address


class AigcHunyuan3DMeshInfo(Payload):
    """Part of AigcHunyuan3DTaskInput."""

    FileId: str | None = None  # media file identifier
    Type: str | None = None  # kind discriminator; one of File Url
    Url: str | None = None  # file address


class AigcHunyuan3DMultiViewImageInfo(Payload):
    """Part of AigcHunyuan3DTaskInput."""

    FileId: str | None = None  # media file identifier
    Type: str | None = None  # kind discriminator; one of File Url
    Url: str | None = None  # file address
    ViewType: str | None = None  # view type


class AigcHunyuan3DOutputConfig(Payload):
    """Part of AigcHunyuan3DTaskInput."""

    StorageMode: str | None = None  # keep forever or temporarily; one of Temporary


class AigcHunyuan3DReferenceImageInfo(Payload):
    """Part of AigcHunyuan3DTaskInput."""

    FileId: str | None = None  # media file identifier
    Type: str | None = None  # kind discriminator; one of File Url
    Url: str | None = None  # file address


class AigcHunyuan3DTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AigcHunyuan3DTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AigcHunyuan3DTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class AigcHunyuan3DTaskInput(Payload):
    """Part of AigcHunyuan3DTask."""

    EnablePBR: str | None = None  # enable pbr; one of Enabled Disabled
    FaceCount: int | None = None  # face count
    GenerateType: str | None = None  # generate type; one of Normal Geometry Texture
    ImageInfos: list[AigcHunyuan3DReferenceImageInfo] | None = None  # image infos
    KeepUV: str | None = None  # keep uv; one of Enabled Disabled
    MeshInfos: list[AigcHunyuan3DMeshInfo] | None = None  # mesh infos
    MultiViewImageInfos: list[AigcHunyuan3DMultiViewImageInfo] | None = None  # multi view image infos
    OutputConfig: AigcHunyuan3DOutputConfig | None = None  # output settings
    Prompt: str | None = None  # generation prompt
    ResultFormat: str | None = None  # result format; one of FBX
    Seed: int | None = None  # seed
    Style: str | None = None  # style


class AigcHunyuan3DTaskOutput(Payload):
    """Part of AigcHunyuan3DTask."""

    FileInfos: list[AigcHunyuan3DTaskOutputFileInfo] | None = None  # file records


class AigcHunyuan3DTaskOutputFileInfo(Payload):
    """Part of AigcHunyuan3DTaskOutput."""

    ExpireTime: str | None = None  # expiry, ISO time
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    PreviewFileUrl: str | None = None  # preview file address
    StorageMode: str | None = None  # keep forever or temporarily; one of Permanent Temporary


class AigcImageOutputConfig(Payload):
    """Part of AigcImageTaskInput."""

    AspectRatio: str | None = None  # output aspect ratio; one of OG
    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    InputComplianceCheck: str | None = None  # input compliance check; one of Enabled Disabled
    LogoAdd: str | None = None  # logo add; one of Enabled Disabled
    MediaName: str | None = None  # output media name
    OutputComplianceCheck: str | None = None  # output compliance check; one of Enabled Disabled
    OutputFormat: str | None = None  # output format
    OutputImageCount: int | None = None  # output image count
    PersonGeneration: str | None = None  # person generation; one of AllowAdult Disallowed
    Resolution: str | None = None  # output resolution; one of OG
    StorageMode: str | None = None  # keep forever or temporarily; one of Temporary Permanent


class AigcImageSceneInfo(Payload):
    """Part of SceneAigcImageTaskInput."""

    AiTryOnConfig: AiTryOnConfig | None = None  # ai try on config
    ChangeClothesConfig: ChangeClothesConfig | None = None  # change clothes config; deprecated
    ProductImageConfig: ProductImageConfig | None = None  # product image config
    Type: str | None = None  # kind discriminator; deprecated


class AigcImageTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success; one of RequestLimitExceeded InvalidParameter.VoilationContent InvalidParameterValue FailedOperation InternalError InvalidParameter InvalidParameter.MediaFormat ContentModerationFailed ResourceInsufficient ModelGenerateFailed ResourceNotFound OperationCanceled TaskTimeout
    Input: AigcImageTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AigcImageTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class AigcImageTaskInput(Payload):
    """Part of AigcImageTask."""

    EnhancePrompt: str | None = None  # enhance prompt; one of Enabled Disabled
    ExtInfo: str | None = None  # ext info
    FileInfos: list[AigcImageTaskInputFileInfo] | None = None  # file records
    GenerationMode: str | None = None  # generation mode; one of Standard Professional
    ModelName: str | None = None  # AI model name
    ModelVersion: str | None = None  # AI model version
    NegativePrompt: str | None = None  # negative prompt
    OutputConfig: AigcImageOutputConfig | None = None  # output settings
    Prompt: str | None = None  # generation prompt
    SceneType: str | None = None  # scene type
    Seed: int | None = None  # seed


class AigcImageTaskInputFileInfo(Payload):
    """Part of AigcImageTaskInput."""

    Base64: str | None = None  # base64
    FileId: str | None = None  # media file identifier
    ReferenceType: str | None = None  # reference type; one of mask
    Text: str | None = None  # text content
    Type: str | None = None  # kind discriminator; one of File Url Base64
    Url: str | None = None  # file address


class AigcImageTaskOutput(Payload):
    """Part of AigcImageTask."""

    FileInfos: list[AigcImageTaskOutputFileInfo] | None = None  # file records


class AigcImageTaskOutputFileInfo(Payload):
    """Part of AigcImageTaskOutput."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name
    MetaData: MediaMetaData | None = None  # technical media metadata
    StorageMode: str | None = None  # keep forever or temporarily; one of Permanent Temporary


class AigcVideoOutputConfig(Payload):
    """Part of AigcVideoTaskInput."""

    AspectRatio: str | None = None  # output aspect ratio
    AudioGeneration: str | None = None  # audio generation; one of Enabled Disabled
    ClassId: int | None = None  # media category number
    Duration: int | float | None = None  # length in seconds
    EnableBGM: str | None = None  # enable bgm; one of Enabled Disabled
    EnhanceSwitch: str | None = None  # enhance switch; one of Enabled Disabled
    ExpireTime: str | None = None  # expiry, ISO time
    FrameInterpolate: str | None = None  # frame interpolate; one of Enabled Disabled
    InputComplianceCheck: str | None = None  # input compliance check; one of Enabled Disabled
    LogoAdd: str | None = None  # logo add; one of Enabled Disabled
    MediaName: str | None = None  # output media name
    OffPeak: str | None = None  # off peak; one of Enabled Disabled
    OutputComplianceCheck: str | None = None  # output compliance check; one of Enabled Disabled
    PersonGeneration: str | None = None  # person generation; one of AllowAdult Disallowed
    Resolution: str | None = None  # output resolution
    StorageMode: str | None = None  # keep forever or temporarily; one of Temporary Permanent


class AigcVideoTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success; one of RequestLimitExceeded InvalidParameter.VoilationContent InvalidParameterValue FailedOperation InternalError InvalidParameter InvalidParameter.MediaFormat ContentModerationFailed ResourceInsufficient ModelGenerateFailed ResourceNotFound OperationCanceled TaskTimeout
    Input: AigcVideoTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AigcVideoTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class AigcVideoTaskInput(Payload):
    """Part of AigcVideoTask."""

    EnhancePrompt: str | None = None  # enhance prompt; one of Enabled Disabled
    ExtInfo: str | None = None  # ext info
    FileInfos: list[AigcVideoTaskInputFileInfo] | None = None  # file records
    GenerationMode: str | None = None  # generation mode; one of Standard Professional
    InputRegion: str | None = None  # input region
    LastFrameFileId: str | None = None  # last frame file id
    LastFrameUrl: str | None = None  # last frame address
    ModelName: str | None = None  # AI model name
    ModelVersion: str | None = None  # AI model version
    NegativePrompt: str | None = None  # negative prompt
    OutputConfig: AigcVideoOutputConfig | None = None  # output settings
    Prompt: str | None = None  # generation prompt
    SceneType: str | None = None  # scene type
    Seed: int | None = None  # seed
    SubjectInfos: list[AigcVideoTaskInputSubjectInfo] | None = None  # subject infos


class AigcVideoTaskInputFileInfo(Payload):
    """Part of AigcVideoTaskInput."""

    Base64: str | None = None  # base64
    Category: str | None = None  # Video, Audio or Image
    FileId: str | None = None  # media file identifier
    KeepOriginalSound: str | None = None  # keep original sound; one of Enabled Disabled
    ObjectId: str | None = None  # object id
    ReferenceType: str | None = None  # reference type
    Text: str | None = None  # text content
    Type: str | None = None  # kind discriminator; one of File Url Base64
    Url: str | None = None  # file address
    Usage: str | None = None  # billed usage; one of FirstFrame Reference LastFrame
    VoiceId: str | None = None  # voice id


class AigcVideoTaskInputSubjectInfo(Payload):
    """Part of AigcVideoTaskInput."""

    Id: str | None = None  # identifier
    ImageUrls: list[str] | None = None  # image addresss
    Name: str | None = None  # display name
    VideoUrls: list[str] | None = None  # video addresss
    VoiceId: str | None = None  # voice id


class AigcVideoTaskOutput(Payload):
    """Part of AigcVideoTask."""

    FileInfos: list[AigcVideoTaskOutputFileInfo] | None = None  # file records
    ProcedureTaskIds: list[str] | None = None  # procedure task ids
    Usage: AigcVideoTaskUsage | None = None  # billed usage


class AigcVideoTaskOutputFileInfo(Payload):
    """Part of AigcVideoTaskOutput."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    FileContent: str | None = None  # file content
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name
    MetaData: MediaMetaData | None = None  # technical media metadata
    StorageMode: str | None = None  # keep forever or temporarily; one of Permanent Temporary
    UsageType: str | None = None  # usage type; one of scene_url point_url mesh_url mesh_simplified_url position_info image_url


class AigcVideoTaskUsage(Payload):
    """Part of AigcVideoTaskOutput."""

    InputImageCount: int | None = None  # input image count
    InputSeconds: int | None = None  # input seconds
    InputTokens: int | None = None  # input tokens
    OutputSeconds: int | None = None  # output seconds
    ThoughtTokens: int | None = None  # thought tokens
    TotalSeconds: int | None = None  # total seconds


class AnimatedGraphicTaskInput(Payload):
    """Part of MediaProcessTaskAnimatedGraphicResult."""

    Definition: int | None = None  # template number used
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start


class ArtifactRepairInfo(Payload):
    """Part of RebuildMediaTaskInput."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of weak strong


class AudioDenoiseInfo(Payload):
    """Part of RebuildMediaTaskInput."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of normal


class AudioTemplateInfoForUpdate(Payload):
    """Part of OverrideTranscodeParameter."""

    AudioChannel: int | None = None  # audio channel
    Bitrate: int | None = None  # bits per second; in kbps
    Codec: str | None = None  # codec name; one of libfdk_aac libmp3lame
    SampleRate: int | None = None  # sample rate; in Hz
    StreamSelects: list[int] | None = None  # stream selects


class AudioTrackItem(Payload):
    """Part of MediaTrackItem."""

    AudioOperations: list[AudioTransform] | None = None  # audio operations
    Duration: int | float | None = None  # length in seconds
    SourceMedia: str | None = None  # source media id or address
    SourceMediaStartTime: int | float | None = None  # source media start time
    TargetDuration: int | float | None = None  # target duration


class AudioTransform(Payload):
    """Part of AudioTrackItem, VideoTrackItem."""

    Type: str | None = None  # kind discriminator; one of Volume
    VolumeParam: AudioVolumeParam | None = None  # volume param


class AudioVolumeParam(Payload):
    """Part of AudioTransform."""

    Gain: int | float | None = None  # gain
    Mute: int | None = None  # mute


class BeautyEffectItem(Payload):
    """Part of ImageBeautyConfig."""

    ExtInfo: str | None = None  # ext info
    ResourcePath: str | None = None  # resource path
    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator
    Value: int | None = None  # value


class BeautyFilterItem(Payload):
    """Part of ImageBeautyConfig."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator
    Value: int | None = None  # value


class BlindWatermarkInput(Payload):
    """Part of AdaptiveDynamicStreamingTaskInput, TranscodeTaskInput."""

    Definition: int | None = None  # template number used


class Canvas(Payload):
    """Part of ComposeMediaTaskInput."""

    Color: str | None = None  # color; one of Black White
    Height: int | None = None  # pixel height; in px
    Width: int | None = None  # pixel width; in px


class ChangeClothesConfig(Payload):
    """Part of AigcImageSceneInfo."""

    ClothesFileInfos: list[SceneAigcImageTaskInputFileInfo] | None = None  # clothes file infos
    Prompt: str | None = None  # generation prompt


class ClipFileInfo2017(Payload):
    """Part of ClipTask2017."""

    ErrCode: int | None = None  # numeric result, 0 is success
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    Message: str | None = None  # result text


class ClipTask2017(Payload):
    """The payload of an event."""

    FileInfo: ClipFileInfo2017 | None = None  # output file record
    SrcFileId: str | None = None  # clipped source file id
    TaskId: str | None = None  # task identifier


class ColorEnhanceInfo(Payload):
    """Part of ImageEnhanceConfig, RebuildMediaTaskInput."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of weak normal strong


class ComplexAdaptiveDynamicStreamingTask(Payload):
    """The payload of an event."""

    ComplexAdaptiveDynamicStreamingTaskResultSet: list[ComplexAdaptiveDynamicStreamingTaskResult] | None = None  # per-template adaptive results
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class ComplexAdaptiveDynamicStreamingTaskInput(Payload):
    """Part of ComplexAdaptiveDynamicStreamingTaskResult."""

    StreamPara: ComplexAdaptiveDynamicStreamingTaskStreamPara | None = None  # stream para


class ComplexAdaptiveDynamicStreamingTaskOutput(Payload):
    """Part of ComplexAdaptiveDynamicStreamingTaskResult."""

    Definition: int | None = None  # template number used
    DrmType: str | None = None  # encryption kind
    Format: str | None = None  # format name
    Url: str | None = None  # file address


class ComplexAdaptiveDynamicStreamingTaskResult(Payload):
    """Part of ComplexAdaptiveDynamicStreamingTask."""

    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: ComplexAdaptiveDynamicStreamingTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: ComplexAdaptiveDynamicStreamingTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class ComplexAdaptiveDynamicStreamingTaskStreamPara(Payload):
    """Part of ComplexAdaptiveDynamicStreamingTaskInput."""

    Definition: int | None = None  # template number used


class ComposeMediaOutput(Payload):
    """Part of ComposeMediaTaskInput."""

    AudioStream: OutputAudioStream | None = None  # audio stream
    ClassId: int | None = None  # media category number
    Container: str | None = None  # container format
    Description: str | None = None  # free description
    ExpireTime: str | None = None  # expiry, ISO time
    FileName: str | None = None  # media display name
    RemoveAudio: int | None = None  # remove audio
    RemoveVideo: int | None = None  # remove video
    VideoStream: OutputVideoStream | None = None  # video stream


class ComposeMediaTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    Input: ComposeMediaTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    MetaData: MediaMetaData | None = None  # technical media metadata
    Output: ComposeMediaTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class ComposeMediaTaskInput(Payload):
    """Part of ComposeMediaTask."""

    Canvas: Canvas | None = None  # canvas
    Output: ComposeMediaOutput | None = None  # task result
    Tracks: list[MediaTrack] | None = None  # tracks


class ComposeMediaTaskOutput(Payload):
    """Part of ComposeMediaTask."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name


class ConcatFileInfo2017(Payload):
    """Part of ConcatTask2017."""

    ErrCode: int | None = None  # numeric result, 0 is success
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    Message: str | None = None  # result text


class ConcatTask2017(Payload):
    """The payload of an event."""

    FileInfoSet: list[ConcatFileInfo2017] | None = None  # per-file results
    TaskId: str | None = None  # task identifier


class CopyRightWatermarkInput(Payload):
    """Part of AdaptiveDynamicStreamingTaskInput, TranscodeTaskInput."""

    Text: str | None = None  # text content


class CoverBySnapshotTaskInput(Payload):
    """Part of MediaProcessTaskCoverBySnapshotResult."""

    Definition: int | None = None  # template number used
    PositionType: str | None = None  # Time or Percent
    PositionValue: int | float | None = None  # cover position
    WatermarkSet: list[WatermarkInput] | None = None  # watermarks applied


class CoverBySnapshotTaskOutput(Payload):
    """Part of MediaProcessTaskCoverBySnapshotResult."""

    CoverUrl: str | None = None  # cover picture address


class CreateAigcAdvancedCustomElementInput(Payload):
    """Part of CreateAigcAdvancedCustomElementTask."""

    ElementDescription: str | None = None  # element description
    ElementImageList: str | None = None  # element image list
    ElementName: str | None = None  # element name
    ElementVideoList: str | None = None  # element video list
    ElementVoiceId: str | None = None  # element voice id
    ReferenceType: str | None = None  # reference type
    TagList: str | None = None  # tag list


class CreateAigcAdvancedCustomElementOutput(Payload):
    """Part of CreateAigcAdvancedCustomElementTask."""

    InfoList: list[AdvancedElementInfo] | None = None  # info list


class CreateAigcAdvancedCustomElementTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: CreateAigcAdvancedCustomElementInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: CreateAigcAdvancedCustomElementOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class CreateAigcCustomVoiceInput(Payload):
    """Part of CreateAigcCustomVoiceTask."""

    VideoId: str | None = None  # video id
    VoiceName: str | None = None  # voice name
    VoiceUrl: str | None = None  # voice address


class CreateAigcCustomVoiceOutput(Payload):
    """Part of CreateAigcCustomVoiceTask."""

    InfoList: list[CustomVoiceInfo] | None = None  # info list


class CreateAigcCustomVoiceTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: CreateAigcCustomVoiceInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: CreateAigcCustomVoiceOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class CreateImageSpriteTask2017(Payload):
    """The payload of an event."""

    Definition: int | None = None  # template number used
    ErrCode: int | None = None  # numeric result, 0 is success
    FileId: str | None = None  # media file identifier
    ImageSpriteUrlSet: list[str] | None = None  # sprite sheet addresses
    Message: str | None = None  # result text
    TaskId: str | None = None  # task identifier
    TotalCount: int | None = None  # number of small pictures
    WebVttUrl: str | None = None  # sprite position VTT address


class CustomVoiceInfo(Payload):
    """Part of CreateAigcCustomVoiceOutput."""

    VoiceId: str | None = None  # voice id
    VoiceInfo: str | None = None  # voice info


class DescribeAigcFaceInfoAsyncInput(Payload):
    """Part of DescribeAigcFaceInfoAsyncTask."""

    FileInfos: list[AigcFaceInputFileInfo] | None = None  # file records


class DescribeAigcFaceInfoAsyncOutput(Payload):
    """Part of DescribeAigcFaceInfoAsyncTask."""

    FaceInfoSet: list[AigcFaceInfo] | None = None  # face info list


class DescribeAigcFaceInfoAsyncTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success; one of RequestLimitExceeded InvalidParameterValue InternalError FailedOperation
    Input: DescribeAigcFaceInfoAsyncInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: DescribeAigcFaceInfoAsyncOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class DescribeFileAttributesTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FileId: str | None = None  # media file identifier
    Message: str | None = None  # result text
    Output: DescribeFileAttributesTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL
    TaskId: str | None = None  # task identifier


class DescribeFileAttributesTaskOutput(Payload):
    """Part of DescribeFileAttributesTask."""

    Md5: str | None = None  # MD5 of the file
    Sha1: str | None = None  # SHA-1 of the file


class DynamicRangeInfo(Payload):
    """Part of MediaVideoStreamItem."""

    HDRType: str | None = None  # hdr type; one of hdr10 hlg
    Type: str | None = None  # kind discriminator; one of SDR HDR


class EditMediaFileInfo(Payload):
    """Part of EditMediaTaskInput."""

    EndTimeOffset: int | float | None = None  # segment end
    FileId: str | None = None  # media file identifier
    StartTimeOffset: int | float | None = None  # segment start


class EditMediaStreamInfo(Payload):
    """Part of EditMediaTaskInput."""

    EndTime: str | None = None  # end time
    StartTime: str | None = None  # start time
    StreamId: str | None = None  # stream id


class EditMediaTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: EditMediaTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    MetaData: MediaMetaData | None = None  # technical media metadata
    Output: EditMediaTaskOutput | None = None  # task result
    ProcedureTaskId: str | None = None  # follow-up procedure task id
    Progress: int | None = None  # percent done, 0-100
    ReviewAudioVideoTaskId: str | None = None  # follow-up moderation task id
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class EditMediaTaskInput(Payload):
    """Part of EditMediaTask."""

    FileInfoSet: list[EditMediaFileInfo] | None = None  # per-file results
    InputType: str | None = None  # input type
    StreamInfoSet: list[EditMediaStreamInfo] | None = None  # stream info list


class EditMediaTaskOutput(Payload):
    """Part of EditMediaTask."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name


class EmptyTrackItem(Payload):
    """Part of MediaTrackItem."""

    Duration: int | float | None = None  # length in seconds


class ExtractBlindWatermarkInputInfo(Payload):
    """Part of ExtractBlindWatermarkTask."""

    FileId: str | None = None  # media file identifier
    Type: str | None = None  # kind discriminator; one of FILEID URL
    Url: str | None = None  # file address


class ExtractBlindWatermarkTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ExtractBlindWatermarkConfig: ExtractBlindWatermarkTaskConfig | None = None  # extraction settings
    InputInfo: ExtractBlindWatermarkInputInfo | None = None  # input file description
    IsDetected: bool | None = None  # watermark found or not
    Message: str | None = None  # result text
    Result: str | None = None  # extracted watermark text
    ResultUV: str | None = None  # traced viewer id, 6 hex digits
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of WAITING PROCESSING FINISH
    TaskId: str | None = None  # task identifier
    Type: str | None = None  # kind discriminator; one of blind-basic blind-ab


class ExtractBlindWatermarkTaskConfig(Payload):
    """Part of ExtractBlindWatermarkTask."""

    SegmentDuration: int | None = None  # segment duration


class ExtractCopyRightWatermarkTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: ExtractCopyRightWatermarkTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: ExtractCopyRightWatermarkTaskOutput | None = None  # task result
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class ExtractCopyRightWatermarkTaskInput(Payload):
    """Part of ExtractCopyRightWatermarkTask."""

    Url: str | None = None  # file address


class ExtractCopyRightWatermarkTaskOutput(Payload):
    """Part of ExtractCopyRightWatermarkTask."""

    Text: str | None = None  # text content


class ExtractTraceWatermarkTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: ExtractTraceWatermarkTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: ExtractTraceWatermarkTaskOutput | None = None  # task result
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class ExtractTraceWatermarkTaskInput(Payload):
    """Part of ExtractTraceWatermarkTask."""

    FileId: str | None = None  # media file identifier
    Url: str | None = None  # file address


class ExtractTraceWatermarkTaskOutput(Payload):
    """Part of ExtractTraceWatermarkTask."""

    Uid: str | None = None  # uid; deprecated
    Uv: str | None = None  # uv


class FaceEnhanceInfo(Payload):
    """Part of ImageEnhanceConfig, RebuildMediaTaskInput."""

    Intensity: int | float | None = None  # intensity
    Switch: str | None = None  # ON or OFF


class FileDeleteResultItem(Payload):
    """Part of FileDeleteTask."""

    DeleteParts: list[MediaDeleteItem] | None = None  # deleted parts, empty is all
    FileId: str | None = None  # media file identifier


class FileDeleteTask(Payload):
    """The payload of an event."""

    FileDeleteResultInfo: list[FileDeleteResultItem] | None = None  # what was deleted per file
    FileIdSet: list[str] | None = None  # deleted file identifiers


class FileUploadTask(Payload):
    """The payload of an event."""

    FileId: str | None = None  # media file identifier
    MediaBasicInfo: MediaBasicInfo | None = None  # basic media record
    MetaData: MediaMetaData | None = None  # technical media metadata
    ProcedureTaskId: str | None = None  # follow-up procedure task id
    ReviewAudioVideoTaskId: str | None = None  # follow-up moderation task id


class HDRInfo(Payload):
    """Part of RebuildMediaTaskInput."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of hdr10 hlg


class HeadTailTaskInput(Payload):
    """Part of TranscodeTaskInput."""

    Definition: int | None = None  # template number used


class HighlightSegmentItem(Payload):
    """Part of MediaAiAnalysisHighlightItem."""

    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start


class ImageBeautyConfig(Payload):
    """Part of ProcessImageAsyncTask."""

    BeautyEffectItems: list[BeautyEffectItem] | None = None  # beauty effect items
    BeautyFilterItems: list[BeautyFilterItem] | None = None  # beauty filter items


class ImageDenoiseConfig(Payload):
    """Part of ImageEnhanceConfig."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator


class ImageEncodeConfig(Payload):
    """Part of ProcessImageAsyncTask."""

    Format: str | None = None  # format name
    Quality: int | None = None  # quality


class ImageEnhanceConfig(Payload):
    """Part of ProcessImageAsyncTask."""

    AdvancedSuperResolution: AdvancedSuperResolutionConfig | None = None  # advanced super resolution
    ColorEnhance: ColorEnhanceInfo | None = None  # color enhance
    Denoise: ImageDenoiseConfig | None = None  # denoise
    FaceEnhance: FaceEnhanceInfo | None = None  # face enhance
    ImageQualityEnhance: ImageQualityEnhanceInfo | None = None  # image quality enhance
    LowLightEnhance: LowLightEnhanceInfo | None = None  # low light enhance
    SharpEnhance: SharpEnhanceInfo | None = None  # sharp enhance
    SuperResolution: SuperResolutionInfo | None = None  # super resolution


class ImageQualityEnhanceInfo(Payload):
    """Part of ImageEnhanceConfig."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of weak normal strong


class ImageSceneAigcEncodeConfig(Payload):
    """Part of SceneAigcImageOutputConfig."""

    Format: str | None = None  # format name
    Quality: int | None = None  # quality


class ImageSpriteTaskInput(Payload):
    """Part of MediaProcessTaskImageSpriteResult."""

    Definition: int | None = None  # template number used


class ImageTransform(Payload):
    """Part of StickerTrackItem, VideoTrackItem."""

    Flip: str | None = None  # flip; one of Horizental Vertical
    RotateAngle: int | float | None = None  # rotate angle
    Type: str | None = None  # kind discriminator; one of Rotate Flip


class LiveRecordInfo(Payload):
    """Part of MediaSourceData."""

    Domain: str | None = None  # domain
    Path: str | None = None  # path
    RecordEndTime: str | None = None  # record end time
    RecordStartTime: str | None = None  # record start time
    StreamId: str | None = None  # stream id


class LowLightEnhanceInfo(Payload):
    """Part of ImageEnhanceConfig, RebuildMediaTaskInput."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of normal


class MPSOutputFile(Payload):
    """Part of MPSTaskOutput."""

    Definition: str | None = None  # template number used
    ExpiredTime: int | None = None  # expired time
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format; one of AiAnalysis.DeLogo.Video AiAnalysis.DeLogo.OriginSubtitle AiAnalysis.DeLogo.TranslateSubtitle MediaProcess.Transcode.Video AiAnalysis.HorizontalToVerticalTask.Video AiAnalysis.VideoRemakeTaskk.Video AiAnalysis.SegmentTask.Video SmartErase.Video
    StorageMode: str | None = None  # keep forever or temporarily; one of Permanent Temporary
    Url: str | None = None  # file address


class MPSSubTaskResult(Payload):
    """Part of ProcessMediaByMPS."""

    ErrCode: str | None = None  # numeric result, 0 is success
    Input: str | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: MPSTaskOutput | None = None  # task result
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL
    TaskType: str | None = None  # MPS subtask kind; one of MediaProcess.Transcode AiAnalysis.DeLogo AiAnalysis.ClassificationTask AiAnalysis.CoverTask AiAnalysis.TagTask AiAnalysis.FrameTagTask AiAnalysis.HighlightTask AiAnalysis.SegmentTask AiAnalysis.HeadTailTask AiAnalysis.DescriptionTask AiAnalysis.HorizontalToVerticalTask AiAnalysis.DubbingTask AiAnalysis.VideoRemakeTask AiAnalysis.VideoComprehensionTask SmartSubtitle.AsrFullTextTask SmartSubtitle.TransTextTask SmartSubtitle.PureSubtitleTransTask SmartSubtitle.OcrFullTextTask SmartErase


class MPSTaskOutput(Payload):
    """Part of MPSSubTaskResult."""

    OutputFiles: list[MPSOutputFile] | None = None  # output files
    OutputText: str | None = None  # output text


class MediaAiAnalysisClassificationItem(Payload):
    """Part of AiAnalysisTaskClassificationOutput."""

    Classification: str | None = None  # classification
    Confidence: int | float | None = None  # score of certainty


class MediaAiAnalysisCoverItem(Payload):
    """Part of AiAnalysisTaskCoverOutput."""

    Confidence: int | float | None = None  # score of certainty
    CoverUrl: str | None = None  # cover picture address


class MediaAiAnalysisFrameTagItem(Payload):
    """Part of MediaAiAnalysisFrameTagSegmentItem."""

    CategorySet: list[str] | None = None  # category list
    Confidence: int | float | None = None  # score of certainty
    Tag: str | None = None  # tag text


class MediaAiAnalysisFrameTagSegmentItem(Payload):
    """Part of AiAnalysisTaskFrameTagOutput."""

    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start
    TagSet: list[MediaAiAnalysisFrameTagItem] | None = None  # tags


class MediaAiAnalysisHighlightItem(Payload):
    """Part of AiAnalysisTaskHighlightOutput."""

    Confidence: int | float | None = None  # score of certainty
    CovImgUrl: str | None = None  # cov img address
    Duration: int | float | None = None  # length in seconds
    HighlightUrl: str | None = None  # highlight address
    SegmentSet: list[HighlightSegmentItem] | None = None  # hit segments (first items only)


class MediaAiAnalysisTagItem(Payload):
    """Part of AiAnalysisTaskTagOutput."""

    Confidence: int | float | None = None  # score of certainty
    Tag: str | None = None  # tag text


class MediaAnimatedGraphicsItem(Payload):
    """Part of MediaProcessTaskAnimatedGraphicResult."""

    Bitrate: int | None = None  # bits per second; in bps
    Container: str | None = None  # container format
    Definition: int | None = None  # template number used
    EndTimeOffset: int | float | None = None  # segment end
    Height: int | None = None  # pixel height; in px
    Md5: str | None = None  # MD5 of the file
    Size: int | None = None  # byte size
    StartTimeOffset: int | float | None = None  # segment start
    Url: str | None = None  # file address
    Width: int | None = None  # pixel width; in px


class MediaAudioStreamItem(Payload):
    """Part of MediaMetaData, MediaTranscodeItem."""

    Bitrate: int | None = None  # bits per second; in bps
    Codec: str | None = None  # codec name
    SamplingRate: int | None = None  # audio sampling rate; in Hz


class MediaBasicInfo(Payload):
    """Part of FileUploadTask, PullUploadTask, TaskOutputMediaInfo."""

    Category: str | None = None  # Video, Audio or Image
    ClassId: int | None = None  # media category number
    ClassName: str | None = None  # category name
    ClassPath: str | None = None  # category path
    CoverUrl: str | None = None  # cover picture address
    CreateTime: str | None = None  # creation, ISO time
    Description: str | None = None  # free description
    ExpireTime: str | None = None  # expiry, ISO time
    MediaUrl: str | None = None  # original media address
    Name: str | None = None  # display name
    SourceInfo: MediaSourceData | None = None  # where the media came from
    Status: str | None = None  # task or item state
    StorageClass: str | None = None  # storage class; one of STANDARD STANDARD_IA ARCHIVE DEEP_ARCHIVE
    StoragePath: str | None = None  # storage path
    StorageRegion: str | None = None  # storage region
    TagSet: list[str] | None = None  # tags
    Type: str | None = None  # kind discriminator
    UpdateTime: str | None = None  # last change, ISO time
    Vid: str | None = None  # live recording id


class MediaCastEvent(Payload):
    """The payload of an event."""

    CastId: str | None = None  # media cast identifier
    Status: str | None = None  # task or item state; one of Working Scheduled Stopped Idle


class MediaContentReviewAsrTextSegmentItem(Payload):
    """Part of AiReviewPoliticalAsrTaskOutput, AiReviewPornAsrTaskOutput, AiReviewProhibitedAsrTaskOutput."""

    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    KeywordSet: list[str] | None = None  # hit keywords
    StartTimeOffset: int | float | None = None  # segment start
    Suggestion: str | None = None  # pass, review or block


class MediaContentReviewOcrTextSegmentItem(Payload):
    """Part of AiReviewPoliticalOcrTaskOutput, AiReviewPornOcrTaskOutput, AiReviewProhibitedOcrTaskOutput, AiReviewTerrorismOcrTaskOutput."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    KeywordSet: list[str] | None = None  # hit keywords
    PicUrlExpireTime: str | None = None  # picture address expiry
    StartTimeOffset: int | float | None = None  # segment start
    Suggestion: str | None = None  # pass, review or block
    Url: str | None = None  # file address


class MediaContentReviewPoliticalSegmentItem(Payload):
    """Part of AiReviewPoliticalTaskOutput."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    Label: str | None = None  # hit label; one of violation_photo nation_politician province_politician bureau_politician county_politician rural_politician sensitive_politician foreign_politician sensitive_entertainment sensitive_sport sensitive_entrepreneur sensitive_scholar sensitive_celebrity historical_celebrity sensitive_military
    Name: str | None = None  # display name
    PicUrlExpireTime: str | None = None  # picture address expiry
    PicUrlExpireTimeStamp: int | None = None  # picture address expiry, Unix s; deprecated
    StartTimeOffset: int | float | None = None  # segment start
    Suggestion: str | None = None  # pass, review or block
    Url: str | None = None  # file address


class MediaContentReviewSegmentItem(Payload):
    """Part of AiReviewPornTaskOutput, AiReviewTerrorismTaskOutput."""

    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    Label: str | None = None  # hit label
    PicUrlExpireTime: str | None = None  # picture address expiry
    PicUrlExpireTimeStamp: int | None = None  # picture address expiry, Unix s; deprecated
    StartTimeOffset: int | float | None = None  # segment start
    Suggestion: str | None = None  # pass, review or block
    Url: str | None = None  # file address


class MediaDeleteItem(Payload):
    """Part of FileDeleteResultItem."""

    Definition: int | None = None  # template number used
    Type: str | None = None  # kind discriminator


class MediaImageSpriteItem(Payload):
    """Part of MediaProcessTaskImageSpriteResult."""

    Definition: int | None = None  # template number used
    Height: int | None = None  # pixel height
    ImageUrlSet: list[str] | None = None  # picture addresses
    TotalCount: int | None = None  # number of small pictures
    WebVttUrl: str | None = None  # sprite position VTT address
    Width: int | None = None  # pixel width


class MediaMetaData(Payload):
    """Part of AigcImageTaskOutputFileInfo, AigcVideoTaskOutputFileInfo, ComposeMediaTask, EditMediaTask, FileUploadTask, ProcedureTask, ProcessImageAsyncOutputFileInfo, PullUploadTask, QualityEnhanceTask, QualityInspectTask, RebuildMediaTask, ReduceMediaBitrateTask, RemoveWaterMarkTaskOutput, SceneAigcImageTaskOutputFileInfo."""

    AudioDuration: int | float | None = None  # audio length, seconds
    AudioStreamSet: list[MediaAudioStreamItem] | None = None  # audio streams
    Bitrate: int | None = None  # bits per second; in bps
    Container: str | None = None  # container format
    Duration: int | float | None = None  # length in seconds
    Height: int | None = None  # pixel height; in px
    Md5: str | None = None  # MD5 of the file
    Rotate: int | None = None  # rotation in degrees
    Size: int | None = None  # byte size
    VideoDuration: int | float | None = None  # video length, seconds
    VideoStreamSet: list[MediaVideoStreamItem] | None = None  # video streams
    Width: int | None = None  # pixel width; in px


class MediaProcessTaskAdaptiveDynamicStreamingResult(Payload):
    """Part of MediaProcessTaskResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AdaptiveDynamicStreamingTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AdaptiveDynamicStreamingInfoItem | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class MediaProcessTaskAnimatedGraphicResult(Payload):
    """Part of MediaProcessTaskResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: AnimatedGraphicTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: MediaAnimatedGraphicsItem | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class MediaProcessTaskCoverBySnapshotResult(Payload):
    """Part of MediaProcessTaskResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: CoverBySnapshotTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: CoverBySnapshotTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class MediaProcessTaskImageSpriteResult(Payload):
    """Part of MediaProcessTaskResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: ImageSpriteTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: MediaImageSpriteItem | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class MediaProcessTaskResult(Payload):
    """Part of ProcedureTask."""

    AdaptiveDynamicStreamingTask: MediaProcessTaskAdaptiveDynamicStreamingResult | None = None  # adaptive dynamic streaming task
    AnimatedGraphicTask: MediaProcessTaskAnimatedGraphicResult | None = None  # animated graphic task
    CoverBySnapshotTask: MediaProcessTaskCoverBySnapshotResult | None = None  # cover by snapshot task
    ImageSpriteTask: MediaProcessTaskImageSpriteResult | None = None  # image sprite task
    SampleSnapshotTask: MediaProcessTaskSampleSnapshotResult | None = None  # sample snapshot task
    SnapshotByTimeOffsetTask: MediaProcessTaskSnapshotByTimeOffsetResult | None = None  # snapshot by time offset task
    TranscodeTask: MediaProcessTaskTranscodeResult | None = None  # transcode task
    Type: str | None = None  # kind discriminator; one of Transcode AnimatedGraphics SnapshotByTimeOffset SampleSnapshot ImageSprites CoverBySnapshot AdaptiveDynamicStreaming


class MediaProcessTaskSampleSnapshotResult(Payload):
    """Part of MediaProcessTaskResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: SampleSnapshotTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: MediaSampleSnapshotItem | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class MediaProcessTaskSnapshotByTimeOffsetResult(Payload):
    """Part of MediaProcessTaskResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: SnapshotByTimeOffsetTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: MediaSnapshotByTimeOffsetItem | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class MediaProcessTaskTranscodeResult(Payload):
    """Part of MediaProcessTaskResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: TranscodeTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: MediaTranscodeItem | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class MediaSampleSnapshotItem(Payload):
    """Part of MediaProcessTaskSampleSnapshotResult."""

    Definition: int | None = None  # template number used
    ImageUrlSet: list[str] | None = None  # picture addresses
    Interval: int | None = None  # interval
    SampleType: str | None = None  # sample type; one of Percent Time
    WaterMarkDefinition: list[int] | None = None  # water mark definition


class MediaSnapshotByTimeOffsetItem(Payload):
    """Part of MediaProcessTaskSnapshotByTimeOffsetResult."""

    Definition: int | None = None  # template number used
    PicInfoSet: list[MediaSnapshotByTimePicInfoItem] | None = None  # pictures taken


class MediaSnapshotByTimePicInfoItem(Payload):
    """Part of MediaSnapshotByTimeOffsetItem."""

    TimeOffset: int | float | None = None  # picture time in the video
    Url: str | None = None  # file address
    WaterMarkDefinition: list[int] | None = None  # water mark definition


class MediaSourceData(Payload):
    """Part of MediaBasicInfo."""

    LiveRecordInfo: LiveRecordInfo | None = None  # live record info
    SourceContext: str | None = None  # upload-time caller text
    SourceType: str | None = None  # Record, Upload, VideoProcessing ...; one of Record Upload VideoProcessing TrtcRecord WebPageRecord Unknown
    TrtcRecordInfo: TrtcRecordInfo | None = None  # trtc record info
    WebPageRecordInfo: WebPageRecordInfo | None = None  # web page record info


class MediaSubStreamInfoItem(Payload):
    """Part of AdaptiveDynamicStreamingInfoItem."""

    Height: int | None = None  # pixel height; in px
    Size: int | None = None  # byte size
    Type: str | None = None  # kind discriminator; one of audio video
    Width: int | None = None  # pixel width; in px


class MediaSubtitleItem(Payload):
    """Part of AdaptiveDynamicStreamingInfoItem."""

    Format: str | None = None  # format name
    Id: str | None = None  # identifier
    Language: str | None = None  # language; one of zh en ja ko vi ms th pt tr ar es hi fr
    Name: str | None = None  # display name
    Source: str | None = None  # source; one of UserUploaded AIRecognition
    Url: str | None = None  # file address


class MediaTrack(Payload):
    """Part of ComposeMediaTaskInput."""

    TrackItems: list[MediaTrackItem] | None = None  # track items
    Type: str | None = None  # kind discriminator; one of Video Audio Sticker


class MediaTrackItem(Payload):
    """Part of MediaTrack."""

    AudioItem: AudioTrackItem | None = None  # audio item
    EmptyItem: EmptyTrackItem | None = None  # empty item
    StickerItem: StickerTrackItem | None = None  # sticker item
    TransitionItem: MediaTransitionItem | None = None  # transition item
    Type: str | None = None  # kind discriminator; one of Video Audio Sticker Transition Empty
    VideoItem: VideoTrackItem | None = None  # video item


class MediaTranscodeItem(Payload):
    """Part of MediaProcessTaskTranscodeResult, ReduceMediaBitrateTranscodeResult."""

    AudioStreamSet: list[MediaAudioStreamItem] | None = None  # audio streams
    Bitrate: int | None = None  # bits per second; in bps
    BlindWatermarkDefinition: int | None = None  # blind watermark definition
    Container: str | None = None  # container format
    CopyRightWatermarkText: str | None = None  # copy right watermark text
    Definition: int | None = None  # template number used
    DigitalWatermarkType: str | None = None  # digital watermark type
    Duration: int | float | None = None  # length in seconds
    FileId: str | None = None  # media file identifier
    Height: int | None = None  # pixel height; in px
    Md5: str | None = None  # MD5 of the file
    Size: int | None = None  # byte size
    Url: str | None = None  # file address
    VideoStreamSet: list[MediaVideoStreamItem] | None = None  # video streams
    Width: int | None = None  # pixel width; in px


class MediaTransitionItem(Payload):
    """Part of MediaTrackItem."""

    Duration: int | float | None = None  # length in seconds
    MediaTransitions: list[TransitionOperation] | None = None  # media transitions
    Transitions: list[TransitionOpertion] | None = None  # transitions


class MediaVideoStreamItem(Payload):
    """Part of MediaMetaData, MediaTranscodeItem."""

    Bitrate: int | None = None  # bits per second; in bps
    Codec: str | None = None  # codec name
    CodecTag: str | None = None  # codec tag for HEVC
    DynamicRangeInfo: DynamicRangeInfo | None = None  # dynamic range info
    Fps: int | None = None  # frames per second; in Hz
    Height: int | None = None  # pixel height; in px
    Width: int | None = None  # pixel width; in px


class MosaicInput(Payload):
    """Part of TranscodeTaskInput."""

    CoordinateOrigin: str | None = None  # coordinate origin corner; one of TopLeft
    EndTimeOffset: int | float | None = None  # segment end
    Height: str | None = None  # pixel height
    StartTimeOffset: int | float | None = None  # segment start
    Width: str | None = None  # pixel width
    XPos: str | None = None  # horizontal position
    YPos: str | None = None  # vertical position


class OutputAudioStream(Payload):
    """Part of ComposeMediaOutput."""

    AudioChannel: int | None = None  # audio channel
    Bitrate: int | None = None  # bits per second; in kbps
    Codec: str | None = None  # codec name; one of libfdk_aac
    SampleRate: int | None = None  # sample rate; in Hz


class OutputVideoStream(Payload):
    """Part of ComposeMediaOutput."""

    Codec: str | None = None  # codec name; one of libx264
    Fps: int | None = None  # frames per second; in Hz


class OverrideTranscodeParameter(Payload):
    """Part of TranscodeTaskInput."""

    AudioTemplate: AudioTemplateInfoForUpdate | None = None  # audio template
    Container: str | None = None  # container format
    RemoveAudio: int | None = None  # remove audio
    RemoveVideo: int | None = None  # remove video
    StdExtInfo: str | None = None  # std ext info
    TEHDConfig: TEHDConfigForUpdate | None = None  # tehd config
    VideoTemplate: VideoTemplateInfoForUpdate | None = None  # video template


class PatternConfig(Payload):
    """Part of AiCutOutConfig."""

    EdgeBlendingIntensity: int | float | None = None  # edge blending intensity
    EdgeExpansionStep: int | None = None  # edge expansion step
    EdgeSamplingStep: int | None = None  # edge sampling step
    OpaqueThreshold: int | None = None  # opaque threshold
    TransparencyThreshold: int | None = None  # transparency threshold


class PersistenceCompleteTask(Payload):
    """The payload of an event."""

    FileId: str | None = None  # media file identifier
    PersistenceSource: str | None = None  # which clip feature persisted it; one of SimpleHlsClip FastEditMedia LiveRealTimeClip


class ProcedureTask(Payload):
    """The payload of an event."""

    AiAnalysisResultSet: list[AiAnalysisResult] | None = None  # AI analysis subtask results
    AiContentReviewResultSet: list[AiContentReviewResult] | None = None  # moderation subtask results
    AiRecognitionResultSet: list[AiRecognitionResult] | None = None  # AI recognition subtask results
    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    FileId: str | None = None  # media file identifier
    FileName: str | None = None  # media display name
    FileUrl: str | None = None  # media address
    MediaProcessResultSet: list[MediaProcessTaskResult] | None = None  # per-subtask processing results
    Message: str | None = None  # result text; deprecated
    MetaData: MediaMetaData | None = None  # technical media metadata
    OperationType: str | None = None  # why triggered (TSC)
    Operator: str | None = None  # who triggered (System)
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier
    TasksNotifyMode: str | None = None  # Finish, Change or None
    TasksPriority: int | None = None  # queue priority, -10 to 10


class ProcessImageAsync(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    Input: ProcessImageAsyncInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: ProcessImageAsyncOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class ProcessImageAsyncInput(Payload):
    """Part of ProcessImageAsync."""

    FileId: str | None = None  # media file identifier
    ImageTaskInput: ProcessImageAsyncTaskInput | None = None  # image task input
    OutputConfig: ProcessImageAsyncOutputConfig | None = None  # output settings
    Url: str | None = None  # file address


class ProcessImageAsyncInputExtendedParameter(Payload):
    """Part of ProcessImageAsyncTaskInput."""

    Prompts: list[str] | None = None  # prompts


class ProcessImageAsyncOutput(Payload):
    """Part of ProcessImageAsync."""

    FileInfo: ProcessImageAsyncOutputFileInfo | None = None  # output file record
    OutputText: str | None = None  # output text


class ProcessImageAsyncOutputConfig(Payload):
    """Part of ProcessImageAsyncInput."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    MediaName: str | None = None  # output media name


class ProcessImageAsyncOutputFileInfo(Payload):
    """Part of ProcessImageAsyncOutput."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name
    MetaData: MediaMetaData | None = None  # technical media metadata


class ProcessImageAsyncTask(Payload):
    """The payload of an event."""

    AiCutOutConfig: AiCutOutConfig | None = None  # AI cut-out settings
    BeautyConfig: ImageBeautyConfig | None = None  # face beautification settings
    EncodeConfig: ImageEncodeConfig | None = None  # image encoding settings
    EnhanceConfig: ImageEnhanceConfig | None = None  # image enhancement settings


class ProcessImageAsyncTaskInput(Payload):
    """Part of ProcessImageAsyncInput."""

    Definition: int | None = None  # template number used
    ExtendedParameter: ProcessImageAsyncInputExtendedParameter | None = None  # extended parameter


class ProcessMediaByMPS(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    Message: str | None = None  # result text
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    SubTaskSet: list[MPSSubTaskResult] | None = None  # MPS subtask results
    TaskId: str | None = None  # task identifier


class ProductImageConfig(Payload):
    """Part of AigcImageSceneInfo."""

    MoreRequirement: str | None = None  # more requirement
    NegativePrompt: str | None = None  # negative prompt
    OutputImageCount: int | None = None  # output image count
    ProductDesc: str | None = None  # product desc
    Prompt: str | None = None  # generation prompt


class PullUploadTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    FileId: str | None = None  # media file identifier
    FileUrl: str | None = None  # media address
    MediaBasicInfo: MediaBasicInfo | None = None  # basic media record
    Message: str | None = None  # result text
    MetaData: MediaMetaData | None = None  # technical media metadata
    ProcedureTaskId: str | None = None  # follow-up procedure task id
    Progress: int | None = None  # percent done, 0-100
    ReviewAudioVideoTaskId: str | None = None  # follow-up moderation task id
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class QualityEnhanceTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: QualityEnhanceTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    MetaData: MediaMetaData | None = None  # technical media metadata
    Output: QualityEnhanceTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class QualityEnhanceTaskInput(Payload):
    """Part of QualityEnhanceTask."""

    Definition: int | None = None  # template number used
    FileId: str | None = None  # media file identifier


class QualityEnhanceTaskOutput(Payload):
    """Part of QualityEnhanceTask."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name


class QualityInspectContainerDiagnoseResultItem(Payload):
    """Part of QualityInspectTaskOutput."""

    Category: str | None = None  # Video, Audio or Image; one of DecodeParamException TimeStampException FrameException StreamStatusException StreamInfo StreamAbnormalCharacteristics DecodeException HLSRequirements
    SeverityLevel: str | None = None  # severity level; one of Fatal Error Warning Notice Info
    TimestampSet: list[int | float] | None = None  # timestamp list
    Type: str | None = None  # kind discriminator; one of VideoResolutionChanged AudioSampleRateChanged AudioChannelsChanged ParameterSetsChanged DarOrSarInvalid TimestampFallback DtsJitter PtsJitter AACDurationDeviation AudioDroppingFrames VideoDroppingFrames AVTimestampInterleave PtsLessThanDts ReceiveFpsJitter ReceiveFpsTooSmall FpsJitter StreamOpenFailed StreamEnd StreamParseFailed VideoFirstFrameNotIdr StreamNALUError TsStreamNoAud AudioStreamLack VideoStreamLack LackAudioRecover LackVideoRecover VideoBitrateOutofRange AudioBitrateOutofRange VideoDecodeFailed AudioDecodeFailed AudioOutOfPhase VideoDuplicatedFrame AudioDuplicatedFrame VideoRotation TsMultiPrograms Mp4InvalidCodecFourcc HLSBadM3u8Format HLSInvalidMasterM3u8 HLSInvalidMediaM3u8 HLSMasterM3u8Recommended HLSMediaM3u8Recommended HLSMediaM3u8DiscontinuityExist HLSMediaSegmentsStreamNumChange HLSMediaSegmentsPTSJitterDeviation HLSMediaSegmentsDTSJitterDeviation TimecodeTrackExist


class QualityInspectItem(Payload):
    """Part of QualityInspectResultItem."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start


class QualityInspectLLMDetectionIssue(Payload):
    """Part of QualityInspectLLMDetectionResultItem."""

    Confidence: int | float | None = None  # score of certainty
    Description: str | None = None  # free description
    EndTimeMs: int | None = None  # end time ms
    ExtraData: str | None = None  # extra data
    Score: int | float | None = None  # score
    StartTimeMs: int | None = None  # start time ms
    Tag: str | None = None  # tag text


class QualityInspectLLMDetectionReport(Payload):
    """Part of QualityInspectTaskOutput."""

    ResultCount: int | None = None  # result count
    ResultSet: list[QualityInspectLLMDetectionResultItem] | None = None  # results (first items only)


class QualityInspectLLMDetectionResultItem(Payload):
    """Part of QualityInspectLLMDetectionReport."""

    Category: str | None = None  # Video, Audio or Image; one of AIGCQualityCharacteristics
    Confidence: int | float | None = None  # score of certainty
    Group: str | None = None  # group; one of AIGCAuthenticity AIGCTechQuality
    IssueSet: list[QualityInspectLLMDetectionIssue] | None = None  # issue list
    Score: int | float | None = None  # score
    Type: str | None = None  # kind discriminator; one of BodyPoseCheck BodyDetailCheck PhysicRulesCheck ObjectConsistencyCheck FormatCheck


class QualityInspectResultItem(Payload):
    """Part of QualityInspectTaskOutput."""

    SegmentSet: list[QualityInspectItem] | None = None  # hit segments (first items only); at most 100 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Type: str | None = None  # kind discriminator; one of Jitter Blur LowLighting HighLighting CrashScreen BlackWhiteEdge SolidColorScreen Noise Mosaic QRCode AppletCode BarCode LowVoice HighVoice NoVoice LowEvaluation LowColorfulness AudioVideoAsync AudioSubtitleAsync VideoAesthetic AudioDiscontinuity AudioVolume AudioLoudnessJitter BackgroundMusic AudioEvaluation AudioNoise AudioSpeechQuality AudioReverb AudioHighLoudness


class QualityInspectTask(Payload):
    """The payload of an event."""

    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: QualityInspectTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    MetaData: MediaMetaData | None = None  # technical media metadata
    Output: QualityInspectTaskOutput | None = None  # task result
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class QualityInspectTaskInput(Payload):
    """Part of QualityInspectTask."""

    Definition: int | None = None  # template number used
    FileId: str | None = None  # media file identifier


class QualityInspectTaskOutput(Payload):
    """Part of QualityInspectTask."""

    AestheticEvaluationScore: int | None = None  # aesthetic evaluation score
    ContainerDiagnoseResultSet: list[QualityInspectContainerDiagnoseResultItem] | None = None  # container diagnose result list
    LLMDetectionReport: QualityInspectLLMDetectionReport | None = None  # llm detection report
    NoAudio: int | None = None  # no audio
    NoVideo: int | None = None  # no video
    QualityEvaluationMeanOpinionScore: int | float | None = None  # quality evaluation mean opinion score
    QualityEvaluationScore: int | None = None  # quality evaluation score
    QualityInspectResultSet: list[QualityInspectResultItem] | None = None  # quality inspect result list


class RebuildMediaTargetAudioStream(Payload):
    """Part of RebuildMediaTargetInfo."""

    AudioChannel: int | None = None  # audio channel
    Bitrate: int | None = None  # bits per second; in kbps
    Codec: str | None = None  # codec name; one of libfdk_aac libmp3lame
    SampleRate: int | None = None  # sample rate; in Hz


class RebuildMediaTargetInfo(Payload):
    """Part of RebuildMediaTaskInput."""

    AudioStream: RebuildMediaTargetAudioStream | None = None  # audio stream
    ClassId: int | None = None  # media category number
    Container: str | None = None  # container format
    Description: str | None = None  # free description
    ExpireTime: str | None = None  # expiry, ISO time
    MediaName: str | None = None  # output media name
    RemoveAudio: int | None = None  # remove audio
    RemoveVideo: int | None = None  # remove video
    VideoStream: RebuildMediaTargetVideoStream | None = None  # video stream


class RebuildMediaTargetVideoStream(Payload):
    """Part of RebuildMediaTargetInfo."""

    Bitrate: int | None = None  # bits per second; in kbps
    Codec: str | None = None  # codec name; one of libx264 libx265 av1
    FillType: str | None = None  # fill type; one of stretch black
    Fps: int | None = None  # frames per second; in Hz
    Gop: int | None = None  # gop
    Height: int | None = None  # pixel height; in px
    ResolutionAdaptive: str | None = None  # resolution adaptive; one of open close
    Width: int | None = None  # pixel width; in px


class RebuildMediaTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: RebuildMediaTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    MetaData: MediaMetaData | None = None  # technical media metadata
    Output: RebuildMediaTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class RebuildMediaTaskInput(Payload):
    """Part of RebuildMediaTask."""

    ArtifactRepairInfo: ArtifactRepairInfo | None = None  # artifact repair info
    AudioDenoiseInfo: AudioDenoiseInfo | None = None  # audio denoise info
    ColorInfo: ColorEnhanceInfo | None = None  # color info
    Definition: int | None = None  # template number used
    EndTimeOffset: int | float | None = None  # segment end
    FaceInfo: FaceEnhanceInfo | None = None  # face info
    FileId: str | None = None  # media file identifier
    HDRInfo: HDRInfo | None = None  # hdr info
    LowLightInfo: LowLightEnhanceInfo | None = None  # low light info
    RepairInfo: RepairInfo | None = None  # repair info
    ScratchRepairInfo: ScratchRepairInfo | None = None  # scratch repair info
    SharpInfo: SharpEnhanceInfo | None = None  # sharp info
    StartTimeOffset: int | float | None = None  # segment start
    SuperResolutionInfo: SuperResolutionInfo | None = None  # super resolution info
    TargetInfo: RebuildMediaTargetInfo | None = None  # target info
    VideoDenoiseInfo: VideoDenoiseInfo | None = None  # video denoise info
    VideoFrameInterpolationInfo: VideoFrameInterpolationInfo | None = None  # video frame interpolation info


class RebuildMediaTaskOutput(Payload):
    """Part of RebuildMediaTask."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name


class ReduceMediaBitrateAdaptiveDynamicStreamingResult(Payload):
    """Part of ReduceMediaBitrateMediaProcessTaskResult."""

    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: AdaptiveDynamicStreamingTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: AdaptiveDynamicStreamingInfoItem | None = None  # task result
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class ReduceMediaBitrateMediaProcessTaskResult(Payload):
    """Part of ReduceMediaBitrateTask."""

    AdaptiveDynamicStreamingTask: ReduceMediaBitrateAdaptiveDynamicStreamingResult | None = None  # adaptive dynamic streaming task
    TranscodeTask: ReduceMediaBitrateTranscodeResult | None = None  # transcode task
    Type: str | None = None  # kind discriminator; one of Transcode AdaptiveDynamicStreaming


class ReduceMediaBitrateTask(Payload):
    """The payload of an event."""

    FileId: str | None = None  # media file identifier
    FileName: str | None = None  # media display name
    FileUrl: str | None = None  # media address
    MediaProcessResultSet: list[ReduceMediaBitrateMediaProcessTaskResult] | None = None  # per-subtask processing results
    MetaData: MediaMetaData | None = None  # technical media metadata
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier
    TasksNotifyMode: str | None = None  # Finish, Change or None
    TasksPriority: int | None = None  # queue priority, -10 to 10


class ReduceMediaBitrateTranscodeResult(Payload):
    """Part of ReduceMediaBitrateMediaProcessTaskResult."""

    BeginProcessTime: str | None = None  # processing start, ISO time
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FinishTime: str | None = None  # processing end, ISO time
    Input: TranscodeTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: MediaTranscodeItem | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    Status: str | None = None  # task or item state; one of PROCESSING SUCCESS FAIL


class RemoveWaterMarkTaskInput(Payload):
    """Part of RemoveWatermarkTask."""

    FileId: str | None = None  # media file identifier


class RemoveWaterMarkTaskOutput(Payload):
    """Part of RemoveWatermarkTask."""

    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name
    MetaData: MediaMetaData | None = None  # technical media metadata


class RemoveWatermarkTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: RemoveWaterMarkTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: RemoveWaterMarkTaskOutput | None = None  # task result
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class RepairInfo(Payload):
    """Part of RebuildMediaTaskInput."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of weak normal strong


class RestoreMediaTask(Payload):
    """The payload of an event."""

    FileId: str | None = None  # media file identifier
    Message: str | None = None  # result text; deprecated
    OriginalStorageClass: str | None = None  # storage class before
    RestoreDay: int | None = None  # temporary copy lifetime (days), 0 permanent
    RestoreTier: str | None = None  # restore speed tier; one of Expedited Standard Bulk
    Status: int | None = None  # task or item state; deprecated
    TargetStorageClass: str | None = None  # storage class after


class ReviewAudioVideoSegmentItem(Payload):
    """Part of ReviewAudioVideoTaskOutput."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    EndTimeOffset: int | float | None = None  # segment end
    Form: str | None = None  # Image, OCR, ASR or Voice
    KeywordSet: list[str] | None = None  # hit keywords
    Label: str | None = None  # hit label; one of Porn Terror Polity Ad Illegal Abuse Moan
    PicUrlExpireTime: str | None = None  # picture address expiry
    StartTimeOffset: int | float | None = None  # segment start
    SubLabel: str | None = None  # finer hit label
    Suggestion: str | None = None  # pass, review or block
    Text: str | None = None  # text content
    Url: str | None = None  # file address


class ReviewAudioVideoTask(Payload):
    """The payload of an event."""

    ErrCodeExt: str | None = None  # textual error code, empty on success
    Input: ReviewAudioVideoTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: ReviewAudioVideoTaskOutput | None = None  # task result
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class ReviewAudioVideoTaskInput(Payload):
    """Part of ReviewAudioVideoTask."""

    Definition: int | None = None  # template number used
    FileId: str | None = None  # media file identifier
    ReviewContents: list[str] | None = None  # review contents; one of Media Cover


class ReviewAudioVideoTaskOutput(Payload):
    """Part of ReviewAudioVideoTask."""

    CoverReviewResult: ReviewImageResult | None = None  # cover review result
    Form: str | None = None  # Image, OCR, ASR or Voice
    Label: str | None = None  # hit label; one of Porn Terror Polity Ad Illegal Abuse Moan
    SegmentSet: list[ReviewAudioVideoSegmentItem] | None = None  # hit segments (first items only); at most 10 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class ReviewImageResult(Payload):
    """Part of ReviewAudioVideoTaskOutput."""

    Form: str | None = None  # Image, OCR, ASR or Voice
    Label: str | None = None  # hit label; one of Porn Terror Polity Ad Illegal Abuse
    SegmentSet: list[ReviewImageSegmentItem] | None = None  # hit segments (first items only); at most 10 shown
    SegmentSetFileUrl: str | None = None  # full segment list address
    SegmentSetFileUrlExpireTime: str | None = None  # that address expiry
    Suggestion: str | None = None  # pass, review or block


class ReviewImageSegmentItem(Payload):
    """Part of ReviewImageResult."""

    AreaCoordSet: list[int] | None = None  # hit rectangle coordinates
    Confidence: int | float | None = None  # score of certainty
    Form: str | None = None  # Image, OCR, ASR or Voice
    KeywordSet: list[str] | None = None  # hit keywords
    Label: str | None = None  # hit label; one of Porn Terror Polity Ad Illegal Abuse
    SubLabel: str | None = None  # finer hit label
    Suggestion: str | None = None  # pass, review or block
    Text: str | None = None  # text content


class SPEKEDrm(Payload):
    """Part of ThirdPartyDrmInfo."""

    EncryptionMethod: str | None = None  # encryption method
    EncryptionPreset: str | None = None  # encryption preset
    KeyAcquireMode: str | None = None  # key acquire mode; one of POST GET
    KeyServerUrl: str | None = None  # key server address
    ResourceId: str | None = None  # resource id
    Vector: str | None = None  # vector


class SampleSnapshotTaskInput(Payload):
    """Part of MediaProcessTaskSampleSnapshotResult."""

    Definition: int | None = None  # template number used
    WatermarkSet: list[WatermarkInput] | None = None  # watermarks applied


class SceneAigcImageOutputConfig(Payload):
    """Part of SceneAigcImageTaskInput."""

    AspectRatio: str | None = None  # output aspect ratio
    ClassId: int | None = None  # media category number
    EncodeConfig: ImageSceneAigcEncodeConfig | None = None  # image encoding settings
    ExpireTime: str | None = None  # expiry, ISO time
    ImageHeight: int | None = None  # image height
    ImageWidth: int | None = None  # image width
    MediaName: str | None = None  # output media name
    Resolution: str | None = None  # output resolution
    StorageMode: str | None = None  # keep forever or temporarily; one of Temporary Permanent


class SceneAigcImageTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    Input: SceneAigcImageTaskInput | None = None  # task request parameters
    Message: str | None = None  # result text
    Output: SceneAigcImageTaskOutput | None = None  # task result
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class SceneAigcImageTaskInput(Payload):
    """Part of SceneAigcImageTask."""

    FileInfos: list[SceneAigcImageTaskInputFileInfo] | None = None  # file records
    OutputConfig: SceneAigcImageOutputConfig | None = None  # output settings
    SceneInfo: AigcImageSceneInfo | None = None  # scene info


class SceneAigcImageTaskInputFileInfo(Payload):
    """Part of AiTryOnConfig, ChangeClothesConfig, SceneAigcImageTaskInput."""

    FileId: str | None = None  # media file identifier
    Type: str | None = None  # kind discriminator; one of File Url
    Url: str | None = None  # file address


class SceneAigcImageTaskOutput(Payload):
    """Part of SceneAigcImageTask."""

    FileInfos: list[SceneAigcImageTaskOutputFileInfo] | None = None  # file records


class SceneAigcImageTaskOutputFileInfo(Payload):
    """Part of SceneAigcImageTaskOutput."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    FileId: str | None = None  # media file identifier
    FileType: str | None = None  # file format
    FileUrl: str | None = None  # media address
    MediaName: str | None = None  # output media name
    MetaData: MediaMetaData | None = None  # technical media metadata
    StorageMode: str | None = None  # keep forever or temporarily; one of Permanent Temporary


class ScratchRepairInfo(Payload):
    """Part of RebuildMediaTaskInput."""

    Intensity: int | float | None = None  # intensity
    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of normal


class SharpEnhanceInfo(Payload):
    """Part of ImageEnhanceConfig, RebuildMediaTaskInput."""

    Intensity: int | float | None = None  # intensity
    Switch: str | None = None  # ON or OFF


class SnapshotByTimeOffset2017(Payload):
    """Part of SnapshotByTimeOffsetTask2017."""

    ErrCode: int | None = None  # numeric result, 0 is success
    TimeOffset: int | None = None  # picture time in the video
    Url: str | None = None  # file address


class SnapshotByTimeOffsetTask2017(Payload):
    """The payload of an event."""

    Definition: int | None = None  # template number used
    FileId: str | None = None  # media file identifier
    SnapshotInfoSet: list[SnapshotByTimeOffset2017] | None = None  # per-picture results
    TaskId: str | None = None  # task identifier


class SnapshotByTimeOffsetTaskInput(Payload):
    """Part of MediaProcessTaskSnapshotByTimeOffsetResult."""

    Definition: int | None = None  # template number used
    ExtTimeOffsetSet: list[str] | None = None  # ext time offset list
    TimeOffsetSet: list[int | float] | None = None  # requested picture times
    WatermarkSet: list[WatermarkInput] | None = None  # watermarks applied


class SplitMediaOutputConfig(Payload):
    """Part of SplitMediaTaskInput."""

    ClassId: int | None = None  # media category number
    ExpireTime: str | None = None  # expiry, ISO time
    MediaName: str | None = None  # output media name
    Type: str | None = None  # kind discriminator


class SplitMediaTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success; deprecated
    ErrCodeExt: str | None = None  # textual error code, empty on success
    FileInfoSet: list[SplitMediaTaskSegmentInfo] | None = None  # per-file results
    Message: str | None = None  # result text
    Progress: int | None = None  # percent done, 0-100
    SessionContext: str | None = None  # caller text echoed back (<=1000 chars)
    SessionId: str | None = None  # caller de-duplication token (<=50 chars)
    Status: str | None = None  # task or item state; one of PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class SplitMediaTaskInput(Payload):
    """Part of SplitMediaTaskSegmentInfo."""

    EndTimeOffset: int | float | None = None  # segment end
    FileId: str | None = None  # media file identifier
    OutputConfig: SplitMediaOutputConfig | None = None  # output settings
    ProcedureName: str | None = None  # procedure name
    StartTimeOffset: int | float | None = None  # segment start


class SplitMediaTaskSegmentInfo(Payload):
    """Part of SplitMediaTask."""

    Input: SplitMediaTaskInput | None = None  # task request parameters
    Output: TaskOutputMediaInfo | None = None  # task result
    ProcedureTaskId: str | None = None  # follow-up procedure task id
    ReviewAudioVideoTaskId: str | None = None  # follow-up moderation task id


class StickerTrackItem(Payload):
    """Part of MediaTrackItem."""

    CoordinateOrigin: str | None = None  # coordinate origin corner; one of Center
    Duration: int | float | None = None  # length in seconds
    Height: str | None = None  # pixel height
    ImageOperations: list[ImageTransform] | None = None  # image operations
    SourceMedia: str | None = None  # source media id or address
    StartTime: int | float | None = None  # start time
    Width: str | None = None  # pixel width
    XPos: str | None = None  # horizontal position
    YPos: str | None = None  # vertical position


class SubtitleInfoInput(Payload):
    """Part of AdaptiveDynamicStreamingTaskInput, TranscodeTaskInput."""

    Alignment: str | None = None  # alignment; one of top bottom
    BoardAlpha: int | float | None = None  # board alpha
    BoardColor: str | None = None  # board color
    BoardHeight: str | None = None  # board height
    BoardWidth: str | None = None  # board width
    BoardY: str | None = None  # board y
    FontAlpha: int | float | None = None  # font alpha
    FontColor: str | None = None  # font color
    FontSize: str | None = None  # font size
    FontType: str | None = None  # font type; one of hei.ttf song.ttf msyh.ttf msyhbd.ttf hkjgt.ttf dhttx.ttf xqgdzt.ttf qpcyt.ttf arial.ttf dinalternate.ttf helveticalt.ttf helveticains.ttf trajanpro.ttf korean.ttf japanese.ttf thai.ttf roboto.ttf notosans.ttf notosansthai.ttf sarabun.ttf kanit.ttf charmonman.ttf notonaskharabic.ttf notosansdevanagari.ttf notosanstc.ttf notosanskr.ttf gothica1.ttf nanummyeongjo.ttf notosansjp.ttf notoserifjp.ttf shipporimincho.ttf
    Id: str | None = None  # identifier
    LineSpacing: str | None = None  # line spacing
    OutlineAlpha: int | float | None = None  # outline alpha
    OutlineColor: str | None = None  # outline color
    OutlineWidth: str | None = None  # outline width
    ShadowAlpha: int | float | None = None  # shadow alpha
    ShadowColor: str | None = None  # shadow color
    ShadowWidth: str | None = None  # shadow width
    StreamIndex: int | None = None  # stream index
    YPos: str | None = None  # vertical position


class SuperResolutionInfo(Payload):
    """Part of ImageEnhanceConfig, RebuildMediaTaskInput."""

    Size: int | None = None  # byte size
    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of lq hq


class TEHDConfigForUpdate(Payload):
    """Part of OverrideTranscodeParameter."""

    MaxVideoBitrate: int | None = None  # max video bitrate
    Type: str | None = None  # kind discriminator


class TaskOutputMediaInfo(Payload):
    """Part of SplitMediaTaskSegmentInfo."""

    FileId: str | None = None  # media file identifier
    MediaBasicInfo: MediaBasicInfo | None = None  # basic media record


class ThirdPartyDrmInfo(Payload):
    """Part of AdaptiveDynamicStreamingTaskInput."""

    DrmTypes: list[str] | None = None  # drm types; one of FairPlay Widevine PlayReady
    SPEKEDrm: SPEKEDrm | None = None  # speke drm


class TraceWatermarkInput(Payload):
    """Part of AdaptiveDynamicStreamingTaskInput, TranscodeTaskInput."""

    Definition: int | None = None  # template number used; deprecated
    Switch: str | None = None  # ON or OFF


class TranscodePlayInfo2017(Payload):
    """Part of TranscodeTask2017."""

    Bitrate: int | None = None  # bits per second; in bps
    Definition: int | None = None  # template number used
    Height: int | None = None  # pixel height; in px
    Url: str | None = None  # file address
    Width: int | None = None  # pixel width; in px


class TranscodeTask2017(Payload):
    """The payload of an event."""

    CoverUrl: str | None = None  # cover picture address
    Duration: int | None = None  # length in seconds
    ErrCode: int | None = None  # numeric result, 0 is success
    FileId: str | None = None  # media file identifier
    FileName: str | None = None  # media display name
    Message: str | None = None  # result text
    PlayInfoSet: list[TranscodePlayInfo2017] | None = None  # playable renditions
    TaskId: str | None = None  # task identifier


class TranscodeTaskInput(Payload):
    """Part of MediaProcessTaskTranscodeResult, ReduceMediaBitrateTranscodeResult."""

    BlindWatermark: BlindWatermarkInput | None = None  # digital watermark settings
    CopyRightWatermark: CopyRightWatermarkInput | None = None  # copyright watermark settings
    Definition: int | None = None  # template number used
    EndTimeOffset: int | float | None = None  # segment end
    HeadTailSet: list[HeadTailTaskInput] | None = None  # head tail list
    MosaicSet: list[MosaicInput] | None = None  # mosaic list
    OverrideParameter: OverrideTranscodeParameter | None = None  # override parameter
    StartTimeOffset: int | float | None = None  # segment start
    SubtitleInfoSet: list[SubtitleInfoInput] | None = None  # subtitle info list
    TraceWatermark: TraceWatermarkInput | None = None  # tracing watermark settings
    WatermarkSet: list[WatermarkInput] | None = None  # watermarks applied


class TransitionOperation(Payload):
    """Part of MediaTransitionItem."""

    Type: str | None = None  # kind discriminator; one of ImageFadeInFadeOut BowTieHorizontal BowTieVertical ButterflyWaveScrawler Cannabisleaf Circle CircleCrop Circleopen Crosswarp Cube DoomScreenTransition Doorway Dreamy DreamyZoom FilmBurn GlitchMemories Heart InvertedPageCurl Luma Mosaic Pinwheel PolarFunction PolkaDotsCurtain Radial RotateScaleFade Squeeze Swap Swirl UndulatingBurnOutSwirl Windowblinds WipeDown WipeLeft WipeRight WipeUp ZoomInCircles AudioFadeInFadeOut


class TransitionOpertion(Payload):
    """Part of MediaTransitionItem."""

    Type: str | None = None  # kind discriminator; one of ImageFadeInFadeOut BowTieHorizontal BowTieVertical ButterflyWaveScrawler Cannabisleaf Circle CircleCrop Circleopen Crosswarp Cube DoomScreenTransition Doorway Dreamy DreamyZoom FilmBurn GlitchMemories Heart InvertedPageCurl Luma Mosaic Pinwheel PolarFunction PolkaDotsCurtain Radial RotateScaleFade Squeeze Swap Swirl UndulatingBurnOutSwirl Windowblinds WipeDown WipeLeft WipeRight WipeUp ZoomInCircles AudioFadeInFadeOut


class TrtcRecordInfo(Payload):
    """Part of MediaSourceData."""

    RoomId: str | None = None  # room id
    SdkAppId: int | None = None  # sdk app id
    TaskId: str | None = None  # task identifier
    UserIds: list[str] | None = None  # user ids


class VideoDenoiseInfo(Payload):
    """Part of RebuildMediaTaskInput."""

    Switch: str | None = None  # ON or OFF
    Type: str | None = None  # kind discriminator; one of weak strong


class VideoFrameInterpolationInfo(Payload):
    """Part of RebuildMediaTaskInput."""

    Fps: int | None = None  # frames per second
    Switch: str | None = None  # ON or OFF


class VideoTemplateInfoForUpdate(Payload):
    """Part of OverrideTranscodeParameter."""

    Bframes: int | None = None  # bframes
    Bitrate: int | None = None  # bits per second; in kbps
    Codec: str | None = None  # codec name; one of libx264 libx265 av1 H.266
    CodecTag: str | None = None  # codec tag for HEVC
    FillType: str | None = None  # fill type; one of stretch black white gauss
    Fps: int | None = None  # frames per second; in Hz
    Gop: int | None = None  # gop
    GopUnit: str | None = None  # gop unit; one of frame second
    Height: int | None = None  # pixel height; in px
    HlsTime: int | None = None  # hls time
    Mode: str | None = None  # mode; one of VBR ABR CBR VCRF
    PreserveHDRSwitch: str | None = None  # preserve hdr switch; one of ON OFF
    ResolutionAdaptive: str | None = None  # resolution adaptive; one of open close
    Vcrf: int | None = None  # vcrf
    VideoProfile: str | None = None  # video profile; one of baseline main high default
    Width: int | None = None  # pixel width; in px


class VideoTrackItem(Payload):
    """Part of MediaTrackItem."""

    AudioOperations: list[AudioTransform] | None = None  # audio operations
    CoordinateOrigin: str | None = None  # coordinate origin corner; one of Center
    Duration: int | float | None = None  # length in seconds
    Height: str | None = None  # pixel height
    ImageOperations: list[ImageTransform] | None = None  # image operations
    SourceMedia: str | None = None  # source media id or address
    SourceMediaStartTime: int | float | None = None  # source media start time
    TargetDuration: int | float | None = None  # target duration
    Width: str | None = None  # pixel width
    XPos: str | None = None  # horizontal position
    YPos: str | None = None  # vertical position


class WatermarkInput(Payload):
    """Part of AdaptiveDynamicStreamingTaskInput, CoverBySnapshotTaskInput, SampleSnapshotTaskInput, SnapshotByTimeOffsetTaskInput, TranscodeTaskInput."""

    Definition: int | None = None  # template number used
    EndTimeOffset: int | float | None = None  # segment end
    StartTimeOffset: int | float | None = None  # segment start
    SvgContent: str | None = None  # watermark SVG
    TextContent: str | None = None  # watermark text


class WebPageRecordInfo(Payload):
    """Part of MediaSourceData."""

    RecordTaskId: str | None = None  # record task id
    RecordUrl: str | None = None  # record address


class WechatMiniProgramPublishTask(Payload):
    """The payload of an event."""

    ErrCode: int | None = None  # numeric result, 0 is success
    FileId: str | None = None  # media file identifier
    Message: str | None = None  # result text
    PublishResult: str | None = None  # Pass, Failed or Rejected
    SourceDefinition: int | None = None  # source template, 0 is original
    Status: str | None = None  # task or item state; one of WAITING PROCESSING FINISH
    TaskId: str | None = None  # task identifier


class WechatPublishTask(Payload):
    """The payload of an event."""

    Definition: int | None = None  # template number used
    ErrCode: int | None = None  # numeric result, 0 is success
    FileId: str | None = None  # media file identifier
    Message: str | None = None  # result text
    SourceDefinition: int | None = None  # source template, 0 is original
    Status: str | None = None  # task or item state; one of WAITING PROCESSING FINISH
    TaskId: str | None = None  # task identifier
    WechatStatus: str | None = None  # WeChat publishing outcome; one of FAIL SUCCESS AUDITNOTPASS NOTTRIGGERED
    WechatUrl: str | None = None  # WeChat video address
    WechatVid: str | None = None  # WeChat video id
