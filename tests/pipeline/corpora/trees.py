"""Small folders in the layout of each corpus, tones in place of speech."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

RATE_HZ = 16000


def tone(name: str) -> np.ndarray:
    """A fifth of a second whose pitch follows from its name, so that no two files are alike."""
    pitch_hz = 150 + sum(name.encode()) % 997
    return 0.3 * np.sin(2 * np.pi * pitch_hz * np.arange(RATE_HZ // 5) / RATE_HZ)


def sounds(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.lower().endswith(".wav"):
            soundfile.write(path, tone(name), RATE_HZ)
        else:
            path.write_bytes(film(name))


def film(name: str) -> bytes:
    """A container with a sound track alone."""
    form, codec = ("avi", "pcm_s16le") if name.endswith("avi") else ("mp4", "aac")
    kind, scale = ("s16", 32767) if codec == "pcm_s16le" else ("fltp", 1)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        samples = (tone(name) * scale).astype("int16" if scale > 1 else "float32")
        frame = av.AudioFrame.from_ndarray(samples[None], format=kind, layout="mono")
        frame.sample_rate = RATE_HZ
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return buffer.getvalue()


def texts(root: Path, content: Mapping[str, str | bytes]) -> None:
    for name, text in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def aesdd(root: Path) -> None:
    home = "Acted Emotional Speech Dynamic Database"
    sounds(
        root, f"{home}/anger/a01 (1).wav", f"{home}/sadness/s05(5).wav", f"{home}/fear/f10 (01).wav"
    )


def cafe(root: Path) -> None:
    sounds(root, "Colère/Faible/01-C-1-1.wav", "Neutre/12-N-0-6.wav", "Joie/Fort/02-J-2-3.wav")


def casia(root: Path) -> None:
    sounds(root, "liuchanhg/angry/201.wav", "ZhaoZuoxiang/surprise/250.wav")
    lines = [f"{number} 第{number}句话。" for number in range(201, 251)]
    texts(root, {"录音文本.txt": "\r\n".join(lines).encode("gbk")})


def cremad(root: Path) -> None:
    sounds(root, "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_IEO_HAP_HI.wav")
    texts(
        root,
        {
            "VideoDemographics.csv": "ActorID,Age,Sex,Race,Ethnicity\n"
            "1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Caucasian,Not Hispanic\n",
            "processedResults/tabulatedVotes.csv": '"","A","D","F","H","N","S","fileName"\n'
            '"100001",6,2,0,0,1,0,"1001_DFA_ANG_XX"\n"100002",0,0,0,3,1,0,"1002_IEO_HAP_HI"\n'
            '"200001",0,9,0,0,0,0,"1001_DFA_ANG_XX"\n',
            "finishedResponses.csv": '"","localid","queryType","clipName","respEmo"\n'
            '"1","r1",1,"1001_DFA_ANG_XX","A"\n"2","r2",1,"1001_DFA_ANG_XX","D"\n'
            '"3","r3",2,"1001_DFA_ANG_XX","N"\n',
        },
    )


def csemotions(root: Path) -> None:
    def sound(name: str) -> dict[str, object]:
        buffer = io.BytesIO()
        soundfile.write(buffer, tone(name), RATE_HZ, format="WAV")
        return {"bytes": buffer.getvalue(), "path": None}

    rows = [
        ("高兴的话。", "Happy", "S01", "Female", "p1"),
        ("玩笑话。", "Playfulness", "S02", "Male", "p2"),
    ]
    names = ("transcript", "emotion", "speaker_id", "gender", "prompt_id")
    table = [dict(zip(names, row, strict=True)) | {"audio": sound(row[-1])} for row in rows]
    (root / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(table), root / "data/train-00000-of-00001.parquet")


def emodb(root: Path) -> None:
    sounds(root, "wav/03a01Fa.wav", "wav/16b10Lb.wav")


def emotiontalk(root: Path) -> None:
    for name, emotion in (("G00001_02_01_002", "happy"), ("G00003_01_02_001", "disgusted")):
        group, dialogue, part, _ = name.split("_")
        home = f"{group}/{group}_{dialogue}/{group}_{dialogue}_{part}/{name}"
        sounds(root, f"Audio/wav/{home}.wav")
        facts = {
            "data": [{"emotion_result": emotion}, {"emotion_result": "neutral"}],
            "emotion_result": emotion,
            "speaker_id": part,
            "content": "你好。",
        }
        texts(root, {f"Audio/json/{home}.json": json.dumps(facts, ensure_ascii=False)})


def emovo(root: Path) -> None:
    sounds(root, "f1/dis-f1-b1.wav", "m3/neu-m3-d2.wav")


def enterface(root: Path) -> None:
    home = "enterface database"
    sounds(
        root,
        f"{home}/subject 1/anger/sentence 1/s1_an_1.avi",
        f"{home}/subject 11/sadness/sentence 5/s12_sa_5.avi",
        f"{home}/subject 6/happiness/s6_ha_2.avi",
        f"{home}/subject 16/surprise/sentence 3/s16_su_3avi",
    )


def esd(root: Path) -> None:
    sounds(
        root,
        "0001/Angry/evaluation/0001_000351.wav",
        "0001/Happy/test/0001_000721.wav",
        "0012/Sad/0012_001101.wav",
        "0012/Neutral/0012_000021.wav",
        "0012/Neutral/0012_000001.wav",
    )
    mandarin = "0001_000351\t打远一看。\t生气\n0001_000721\t它们的确很美。\t快乐\n"
    english = "0012_001101\tI say, \tSad\n0012_000021\tOh.\tNeutral\n0012_000001\tNo.\tNeutral\n"
    texts(
        root, {"0001/0001.txt": mandarin.encode("gbk"), "0012/0012.txt": english.encode("utf-16")}
    )


IEMOCAP_TURNS = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[14.8872 - 18.0175]\tSes01F_impro01_M000\txxx\t[2.5000, 2.5000, 2.5000]
C-E2:\tFrustration; Anger;\t()
C-E3:\tNeutral;\t()
A-E3:\tval 3; act 2; dom  2;\t()

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[3.0000, 2.0000, 2.5000]
C-E2:\tNeutral state;\t()
C-F1:\t;\t()
"""
IEMOCAP_TEXTS = """Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
Ses01F_impro01_M000 [014.8872-018.0175]: Do you have your forms?
"""
IEMOCAP_WORDS = """\t SFrm\t EFrm\t   SegAScr Word
\t    0\t    2\t     -37268 <s>
\t    3\t    9\t      -1200 EXCUSE(2)
\t   10\t   14\t       -900 ME
\t   15\t   19\t       -900 ++BREATHING++
 Total score: -39000
"""


def iemocap(root: Path) -> None:
    for session in (1, 2):
        home, dialogue = f"Session{session}", f"Ses0{session}F_impro01"
        sounds(
            root, *(f"{home}/sentences/wav/{dialogue}/{dialogue}_{n}.wav" for n in ("F000", "M000"))
        )
        aligned = f"{home}/sentences/ForcedAlignment/{dialogue}/{dialogue}_F000.wdseg"
        texts(
            root,
            {
                f"{home}/dialog/EmoEvaluation/{dialogue}.txt": IEMOCAP_TURNS.replace(
                    "Ses01", f"Ses0{session}"
                ),
                f"{home}/dialog/transcriptions/{dialogue}.txt": IEMOCAP_TEXTS.replace(
                    "Ses01", f"Ses0{session}"
                ),
                aligned: IEMOCAP_WORDS,
            },
        )


def jl(root: Path) -> None:
    home = "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)"
    sounds(root, f"{home}/female1_angry_10a_1.wav", f"{home}/male2_encouraging_3b_2.wav")
    texts(root, {f"{home}/female1_angry_10a_1.txt": "The dog is here.\n"})


def m3ed(root: Path) -> None:
    def said(
        speaker: str, text: str, emotions: tuple[str, str, str], main: str
    ) -> dict[str, object]:
        raters = {f"EmoAnnotator{n}": told for n, told in enumerate(emotions, start=1)}
        final = {"final_mul_emo": main, "final_main_emo": main}
        return {"Text": text, "Speaker": speaker, "EmoAnnotation": raters | final}

    people = {"A": {"Name": "李嘉", "Gender": "Female"}, "B": {"Name": "王明", "Gender": "Male"}}
    dialogue = {
        "anjia_1_1": said(
            "A", "你先把衣服换了", ("Neutral", "Anger,Disgust", "Neutral"), "Neutral"
        ),
        "anjia_1_2": said("B", "好", ("Happy", "Happy", "Surprise"), "Happy"),
    }
    series = {"anjia": {"anjia_1": {"SpeakerInfo": people, "Dialog": dialogue}}}
    sounds(root, "modality_speech/A_anjia_1_1.wav", "modality_speech/B_anjia_1_2.wav")
    texts(root, {"annotation.json": json.dumps(series, ensure_ascii=False)})
    texts(root, {f"splitInfo/movie_list_{part}.txt": "" for part in ("val", "test")})
    texts(root, {"splitInfo/movie_list_train.txt": "anjia\n"})


def meld(root: Path) -> None:
    head = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode\n"
    sounds(
        root,
        "train_splits/dia0_utt0.mp4",
        "dev_splits_complete/dia0_utt0.mp4",
        "output_repeated_splits_test/dia3_utt1.wav",
        "output_repeated_splits_test/dia3_utt1.mp4",
    )
    texts(
        root,
        {
            "train_sent_emo.csv": head + '1,"Oh, my God!",Chandler,surprise,negative,0,0,8,21\n',
            "dev_sent_emo.csv": head + "1,Hi.,Phoebe,joy,positive,0,0,4,7\n",
            "test_sent_emo.csv": head + "1,Why?,The Waiter,neutral,neutral,3,1,3,9\n",
        },
    )


def mer2023(root: Path) -> None:
    home = "mer2023train"
    sounds(root, f"{home}/train/sample_1.avi", "test1/sample_2.mp4", f"{home}/test3/sample_3.avi")
    texts(
        root,
        {
            "mer2023train/train-label.csv": "name,discrete,valence\nsample_1,worried,-2.5\n",
            "test-labels/test1-label.csv": "name,discrete,valence\nsample_2,happy,3.0\n",
            "test-labels/test3-label.csv": "name,discrete\nsample_3,sad\n",
            "transcription-engchi-polish.csv": "name,english,chinese\nsample_1,Hm.,嗯。\n",
        },
    )


def msp_podcast(root: Path) -> None:
    names = ("MSP-PODCAST_0001_0008.wav", "MSP-PODCAST_0002_0033.wav")
    sounds(root, *(f"Audios/{name}" for name in names))
    raters = {
        "WORKER1": {"EmoClass_Major": "Angry", "EmoAct": 6, "EmoVal": 2, "EmoDom": 6},
        "WORKER2": {"EmoClass_Major": "Other-annoyed", "EmoAct": 5, "EmoVal": 3, "EmoDom": 5},
    }
    texts(
        root,
        {
            "Labels/labels_consensus.csv": "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,"
            f"Split_Set\n{names[0]},A,5.5,2.5,5.5,127,Male,Test1\n"
            f"{names[1]},X,4.0,4.2,3.9,Unknown,Unknown,Train\n",
            "Labels/labels_detailed.json": json.dumps({names[0]: raters}),
            "Transcripts/MSP-PODCAST_0001_0008.txt": "That is not true.\n",
        },
    )


def nemo(root: Path) -> None:
    sounds(root, "samples/SB0_anger_1.wav", "samples/KLE_surprised_90.wav")
    texts(
        root,
        {
            "data.tsv": "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
            "SB0_anger_1.wav\tanger\tChodź tu.\tchodź tu\tSB0\tfemale\t21\n"
            "KLE_surprised_90.wav\tsurprised\tCo?\tco\tKLE\tmale\t30\n"
        },
    )


def polish(root: Path) -> None:
    sounds(root, "m1.a_nie_2.wav", "m2.s_trzymaj_1.wav")


def ravdess(root: Path) -> None:
    sounds(root, "Actor_12/03-01-06-02-02-01-12.wav", "Actor_01/03-02-01-01-01-01-01.wav")


def savee(root: Path) -> None:
    sounds(root, "AudioData/DC/sa03.wav", "AudioData/KL/n30.wav")


def shemo(root: Path) -> None:
    sounds(root, "female/F01A01.wav", "male/M24N03.wav")
    texts(root, {"shemo.json": json.dumps({"F01A01": {"transcript": "سلام", "emotion": "anger"}})})


def subesco(root: Path) -> None:
    sounds(root, "SUBESCO/F_02_MONIKA_S_1_NEUTRAL_5.wav", "SUBESCO/F_02_MONIKA_S_2_SURPRISE_3].wav")


def tess(root: Path) -> None:
    sounds(root, "YAF_pleasant_surprised/YAF_back_ps.wav", "OAF_neutral/OA_bite_neutral.wav")


def urdu(root: Path) -> None:
    sounds(root, "Angry/SM1_F01_A001.wav", "Sad/SF10_F3_S012.wav")


def vcemo(root: Path) -> None:
    sounds(root, "wav/1.wav")
    texts(root, {"metadata.csv": "path,speaker,label,transcript\nwav/1.wav,s1,高兴,你好\n"})


TREES: dict[str, tuple[Callable[[Path], None], int]] = {  # reader: builder, utterances in its tree
    "aesdd": (aesdd, 3),
    "cafe": (cafe, 3),
    "casia": (casia, 2),
    "cremad": (cremad, 2),
    "csemotions": (csemotions, 2),
    "emodb": (emodb, 2),
    "emotiontalk": (emotiontalk, 2),
    "emovo": (emovo, 2),
    "enterface": (enterface, 4),
    "esd": (esd, 5),
    "iemocap": (iemocap, 4),
    "jl": (jl, 2),
    "m3ed": (m3ed, 2),
    "meld": (meld, 3),
    "mer2023": (mer2023, 3),
    "msp_podcast": (msp_podcast, 2),
    "nemo": (nemo, 2),
    "polish": (polish, 2),
    "ravdess": (ravdess, 2),
    "savee": (savee, 2),
    "shemo": (shemo, 2),
    "subesco": (subesco, 2),
    "tess": (tess, 2),
    "urdu": (urdu, 2),
    "vcemo": (vcemo, 1),
}
