"""Files as people really have them: each is loaded as it is meant, or refused in one line that names file, cause and next step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from headsurgery import HeadEdit, Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.cli import app
from headsurgery.errors import CheckpointError, HeadSurgeryError, ModelError
from headsurgery.model.as_stored import check_as_stored
from headsurgery.model.boundary import loading
from headsurgery.model.generation import complete_ids
from headsurgery.model.loading import load_model, load_tokenizer
from headsurgery.storage.codecs import read_tensor
from headsurgery.storage.safetensors import INDEX, WEIGHTS
from tests.directories import FEW_KB, contents, edit_json
from tests.exhaustive import all_but
from tests.tiny import build_model, build_tokenizer, save_model

O_PROJ = "model.layers.1.self_attn.o_proj.weight"
RECIPE = Recipe(edits=(HeadEdit(layer=1, head=2),))
PROMPTS = [[9, 10, 11], [12, 13]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base")


def change(path: Path, **keys: Any) -> None:
    """Keys of a JSON file; it is made where it isn't there."""
    document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(document | keys), encoding="utf-8")


def refusal(read: Callable[[], object]) -> HeadSurgeryError:
    """The error that something ends in: one line, no more than a few of a terminal's."""
    with pytest.raises(HeadSurgeryError) as caught:
        read()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    return caught.value


def attempt(read: Callable[[], object]) -> HeadSurgeryError | None:
    """The error of one line that something ends in, if it does."""
    try:
        read()
    except HeadSurgeryError as error:
        return error
    return None


def save_with_adapter(kind: str, folder: Path) -> dict[str, torch.Tensor]:
    """A model with an adapter of peft's in its folder, which transformers alone would load; and the weights without it."""
    peft = pytest.importorskip("peft")
    save_model("llama", folder, max_shard_size=FEW_KB if "sharded" in kind else "5GB")
    build_tokenizer().save_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    plain = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if kind == "IA3":
        settings = peft.IA3Config(target_modules=["q_proj", "o_proj"], feedforward_modules=[], init_ia3_weights=False)
    else:
        settings = peft.LoraConfig(r=4, target_modules=["q_proj", "o_proj"], init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peft.get_peft_model(model, settings).save_pretrained(folder)
        if kind == "of a base elsewhere":
            save_model("llama", folder.parent / "elsewhere", seed=1)
            change(folder / "adapter_config.json", base_model_name_or_path=str(folder.parent / "elsewhere"))
        if kind == "without its weights":
            (folder / "adapter_model.safetensors").unlink()
        else:
            ids = torch.tensor(PROMPTS[:1])
            both = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
            alone = build_model("llama")
            assert (both(ids).logits - alone(ids).logits).abs().max() > 1e-3, "nothing to notice"
    return plain


class TestConfiguration:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("layer_types", ["full_attention"] * 9),
            ("pad_token_id", 400),
            ("pad_token_id", "0"),
            ("max_position_embeddings", 64.0),
            ("attention_dropout", "0.0"),
            ("rms_norm_eps", None),
            ("hidden_act", "relu7"),
            ("hidden_act", 5),
            ("dtype", "bf16"),
            ("torch_dtype", "torch.bfloat16"),
            ("vocab_size", 97.5),
            ("vocab_size", None),
            ("rope_scaling", "linear"),
            ("rope_parameters", {"rope_type": "spiral", "rope_theta": 1e4}),
            ("attn_implementation", "telepathy"),
            ("quantization_config", "gptq"),
            ("quantization_config", {"quant_method": "dreams"}),
            ("transformers_weights", 5),
        ],
    )
    def test_what_transformers_refuses_is_named_with_its_key(self, key: str, value: object, base: Path) -> None:
        change(base / "config.json", **{key: value})
        error = attempt(lambda: load_model(base, device="cpu"))
        named = {"torch_dtype": "dtype", "rope_scaling": "rope", "rope_parameters": "rope", "attn_implementation": "attn"}
        assert error is None or named.get(key, key).partition("_")[0] in str(error), "the key, or what transformers calls it"

    def test_a_key_that_transformers_does_not_name_is_found_by_leaving_it_out(self, base: Path) -> None:
        change(base / "config.json", pad_token_id=400)
        error = refusal(lambda: load_model(base, device="cpu"))
        assert str(error) == (
            "base: transformers can't load it: config.json: pad_token_id is 400: Padding_idx must be within num_embeddings"
        )

    def test_outputs_come_whatever_the_configuration_says_of_their_form(self, base: Path) -> None:
        wanted = complete_ids(load_model(base, device="cpu"), PROMPTS, max_new_tokens=4)
        change(base / "config.json", return_dict=False, output_hidden_states=True, use_cache=False)
        assert complete_ids(load_model(base, device="cpu"), PROMPTS, max_new_tokens=4) == wanted

    @pytest.mark.parametrize("key", ["vocab_size", "intermediate_size"])
    def test_another_size_than_the_weights_names_a_tensor_and_both_shapes(self, key: str, base: Path) -> None:
        change(base / "config.json", **{key: 50})
        error = refusal(lambda: load_model(base, device="cpu"))
        assert "has the shape [" in str(error)
        assert "but config.json requires [" in str(error)
        assert "50" in str(error)

    @pytest.mark.parametrize(("key", "value"), [("vocab_size", 2**31), ("intermediate_size", 2**40), ("num_hidden_layers", 2000)])
    def test_a_huge_size_takes_no_memory(self, key: str, value: int, base: Path) -> None:
        change(base / "config.json", **{key: value})
        refusal(lambda: load_model(base, device="cpu"))


class TestBoundary:
    class Panic(BaseException):
        """As a library in Rust raises it."""

    Panic.__name__ = "PanicException"

    @pytest.mark.parametrize(
        "error", [AssertionError("x"), KeyError("x"), Exception("x"), Panic("x"), ZeroDivisionError(), OSError(5, "x")]
    )
    def test_whatever_a_library_raises_is_the_files_fault(self, error: BaseException) -> None:
        with (
            pytest.raises(ModelError, match=r"^m: transformers can't load it: tokenizer\.json: ") as caught,
            loading("a/m", "tokenizer.json"),
        ):
            raise error
        assert caught.value.__cause__ is error

    @pytest.mark.parametrize("error", [CheckpointError("ours"), KeyboardInterrupt(), SystemExit(3)])
    def test_ours_and_the_users_pass(self, error: BaseException) -> None:
        with pytest.raises(type(error)) as caught, loading("m", "x"):
            raise error
        assert caught.value is error

    def test_a_lack_of_memory_is_not_the_files_fault(self) -> None:
        for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory")):
            with pytest.raises(ModelError, match="out of memory while loading its weights"), loading("m", "its weights"):
                raise error


class TestTokenizer:
    @pytest.mark.parametrize("part", ["model", "pre_tokenizer", "decoder", "normalizer", "post_processor"])
    def test_a_type_of_a_newer_library_says_to_update_it(self, part: str, base: Path) -> None:
        change(base / "tokenizer.json", **{part: {"type": "Fancy", "vocab": {}}})
        error = refusal(lambda: load_tokenizer(base))
        assert "tokenizer.json" in str(error)
        assert "pip install -U tokenizers" in error.hint

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("tokenizer.json", "{"),
            ("tokenizer.json", "[]"),
            ("tokenizer_config.json", "[]"),
            ("tokenizer_config.json", '{"a"'),
            ("special_tokens_map.json", "{"),
        ],
    )
    def test_a_broken_file_is_named(self, file: str, text: str, base: Path) -> None:
        (base / file).write_text(text)
        assert file in str(refusal(lambda: load_tokenizer(base)))

    @pytest.mark.parametrize(
        ("key", "value"),
        [("model_max_length", "512"), ("eos_token", 5), ("tokenizer_class", 5), ("added_tokens_decoder", [1]), ("pad_token", True)],
    )
    def test_a_value_of_the_wrong_type_is_named_with_its_key(self, key: str, value: object, base: Path) -> None:
        change(base / "tokenizer_config.json", **{key: value})
        error = refusal(lambda: load_tokenizer(base))
        assert str(error).startswith(f"base: tokenizer_config.json: {key} is ")

    @pytest.mark.parametrize(
        "name", ["LlamaTokenizer", "Qwen2Tokenizer", "T5Tokenizer", "BertTokenizer", "GPT2Tokenizer", "FancyTokenizer"]
    )
    def test_without_a_vocabulary_there_is_no_empty_tokenizer(self, name: str, base: Path) -> None:
        """transformers makes one of some classes, which reads every prompt as nothing, or as one unknown token."""
        change(base / "tokenizer_config.json", tokenizer_class=name)
        (base / "tokenizer.json").unlink()
        assert "copy the tokenizer's files" in refusal(lambda: load_tokenizer(base)).hint

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            *[(f"{name}_token", "") for name in ("pad", "bos", "cls", "sep", "mask")],
            ("extra_special_tokens", {"image_token": ""}),
            ("extra_special_tokens", ["", "<think>"]),
        ],
    )
    def test_a_special_token_without_an_id_is_in_no_answer(self, key: str, value: object, base: Path) -> None:
        change(base / "tokenizer_config.json", **{key: value})
        tokenizer = load_tokenizer(base)
        assert AnswerReader(tokenizer=tokenizer).text([9, 10]) == tokenizer.decode([9, 10])

    @pytest.mark.parametrize("value", ["", {"content": "", "special": True, "__type": "AddedToken"}])
    def test_an_unknown_token_without_an_id_is_refused(self, value: object, base: Path) -> None:
        change(base / "tokenizer_config.json", unk_token=value)
        assert "base: tokenizer_config.json: unk_token is " in str(refusal(lambda: load_tokenizer(base)))

    def test_a_class_that_is_not_known_does_not_matter_beside_tokenizer_json(self, base: Path) -> None:
        change(base / "tokenizer_config.json", tokenizer_class="FancyTokenizer")
        assert load_tokenizer(base)("w9 w10")["input_ids"] == [9, 10]

    def test_sentencepiece_alone_says_what_to_install(self, base: Path) -> None:
        change(base / "tokenizer_config.json", tokenizer_class="LlamaTokenizer")
        (base / "tokenizer.json").rename(base / "tokenizer.model")
        assert "sentencepiece" in refusal(lambda: load_tokenizer(base)).hint


class TestVocabulary:
    def test_a_token_without_a_row_is_named_with_the_size(self, base: Path) -> None:
        loaded = load_model(base, device="cpu")
        with pytest.raises(ModelError, match=r"base: token '\?' has the id 97, but the embeddings have 97 rows, for ids 0-96"):
            complete_ids(loaded, [[9, 97]], max_new_tokens=2)
        with pytest.raises(ModelError, match="has the id -1, but"):
            complete_ids(loaded, [[9, -1]], max_new_tokens=2)

    def test_an_end_of_sequence_without_a_row_is_refused_at_once(self, base: Path) -> None:
        tokenizer = build_tokenizer()
        tokenizer.add_special_tokens({"eos_token": "<end>"})
        tokenizer.save_pretrained(base)
        assert "token '<end>' has the id 97" in str(refusal(lambda: load_model(base, device="cpu")))

    @pytest.mark.parametrize("end", [-1, 97, 10**6, [2, 97], "2", 2.5, [[2]], True, {"a": 2}])
    def test_ids_that_end_an_answer_are_ids(self, end: object, base: Path) -> None:
        change(base / "generation_config.json", eos_token_id=end)
        loaded = load_model(base, device="cpu")
        assert "eos_token_id" in str(refusal(lambda: complete_ids(loaded, PROMPTS, max_new_tokens=2)))

    @pytest.mark.parametrize("end", [None, 2, [2], [2, 5], []])
    def test_none_one_or_several(self, end: object, base: Path) -> None:
        change(base / "generation_config.json", eos_token_id=end)
        complete_ids(load_model(base, device="cpu"), PROMPTS, max_new_tokens=2)


class TestGenerationConfiguration:
    @pytest.mark.parametrize(
        "keys",
        [
            {"do_sample": True, "temperature": 9.0, "top_p": 0.5, "top_k": 3},
            {"repetition_penalty": 50.0},
            {"no_repeat_ngram_size": 1},
            {"num_beams": 4},
            {"num_beams": 4, "num_return_sequences": 4},
            {"suppress_tokens": list(range(40))},
            {"begin_suppress_tokens": list(range(90))},
            {"bad_words_ids": [[token] for token in range(3, 60)]},
            {"sequence_bias": [[[7], 99.0]]},
            {"forced_bos_token_id": 7, "forced_eos_token_id": 8},
            {"min_new_tokens": 6, "max_new_tokens": 1, "max_length": 2},
            {"guidance_scale": 5.0},
            {"penalty_alpha": 0.6, "top_k": 4},
            {"prompt_lookup_num_tokens": 2},
            {"exponential_decay_length_penalty": [1, 5.0]},
            {"encoder_repetition_penalty": 7.0},
            {"stop_strings": ["w1"], "max_time": 0.0},
            {"return_dict_in_generate": True, "output_scores": True},
            {"use_cache": False, "cache_implementation": "static"},
        ],
    )
    def test_it_does_not_change_a_greedy_answer(self, keys: dict[str, Any], base: Path) -> None:
        greedy = self.greedy(base)
        change(base / "generation_config.json", **keys)
        error = attempt(lambda: load_model(base, device="cpu"))
        if error is not None:  # what transformers refuses of its own accord is told, and nothing is measured
            assert "generation_config.json" in str(error)
            return
        loaded = load_model(base, device="cpu")
        assert complete_ids(loaded, PROMPTS, max_new_tokens=6) == greedy
        with torch.inference_mode():  # as a judge model is asked, with a configuration that leaves the rest open
            asked: Any = loaded.model
            found = asked.generate(torch.tensor([PROMPTS[0]]), do_sample=False, max_new_tokens=6, pad_token_id=0)
        assert found[0, 3:].tolist()[: len(greedy[0])] == greedy[0]

    @staticmethod
    def greedy(base: Path) -> list[list[int]]:
        """By argmax alone, step by step, without a cache."""
        loaded = load_model(base, device="cpu")
        answers = []
        for prompt in PROMPTS:
            ids = list(prompt)
            while len(ids) < len(prompt) + 6 and ids[-1] != 2:
                with torch.inference_mode():
                    ids.append(int(loaded.model(torch.tensor([ids])).logits[0, -1].argmax()))
            answers.append(ids[len(prompt) :])
        return answers

    @pytest.mark.parametrize(
        "text", ["{", "", "[]", "5", '{"eos_token_id": 2', '{"compile_config": 3}', '{"watermarking_config": {"a": 1}}']
    )
    def test_a_file_that_can_not_be_read_is_named(self, text: str, base: Path) -> None:
        """transformers would fall back on config.json without a word, and with it on other ends of an answer."""
        (base / "generation_config.json").write_text(text)
        assert "generation_config.json" in str(refusal(lambda: load_model(base, device="cpu")))


class TestOneModel:
    """The model that is measured is the one that is edited."""

    def test_an_adapter_beside_the_weights_is_refused_by_everything_that_edits_or_measures(self, base: Path) -> None:
        (base / "adapter_config.json").write_text('{"base_model_name_or_path": "org/other", "peft_type": "LORA"}')
        checkpoint = open_checkpoint(base)
        for read in (lambda: plan_surgery(RECIPE, checkpoint), lambda: load_model(base, device="cpu")):
            error = refusal(read)
            assert "adapter_config.json lies beside the weights" in str(error)
            assert "merge" in error.hint

    def test_an_adapter_beside_the_weights_is_no_part_of_what_an_audit_against_the_base_reads(
        self, base: Path, tmp_path: Path
    ) -> None:
        apply_plan(plan_surgery(RECIPE, open_checkpoint(base)), tmp_path / "out")
        (tmp_path / "out" / "adapter_config.json").write_text('{"peft_type": "LORA"}')
        result = CliRunner().invoke(app, ["audit", str(tmp_path / "out"), "--base", str(base)])
        assert result.exit_code == 1
        assert "out: adapter_config.json lies beside the weights" in result.stderr

    def test_an_adapter_of_which_nobody_spoke_is_noticed(self, base: Path) -> None:
        """As peft leaves a model after it merged: the values differ, and nothing in the folder says so."""
        loaded = load_model(base, device="cpu")
        with torch.no_grad():
            loaded.model.get_parameter(O_PROJ)[3, 5] += 1e-3
        with pytest.raises(ModelError, match=rf"'{O_PROJ}': transformers loaded other values than model\.safetensors holds"):
            check_as_stored(loaded.model, open_checkpoint(base))

    @pytest.mark.parametrize("kind", ["LoRA", "LoRA on a sharded base", "IA3", "of a base elsewhere", "without its weights"])
    def test_with_peft_what_it_would_add_is_refused_before_anything_is_read_or_written(self, kind: str, tmp_path: Path) -> None:
        """transformers alone loads another model from such a folder; without the adapter's file it is a model as any other."""
        folder, prompts, recipe = tmp_path / "model", tmp_path / "prompts.txt", tmp_path / "recipe.json"
        plain = save_with_adapter(kind, folder)
        prompts.write_text("w7 w8\nw9\n")
        RECIPE.save(recipe)
        before, asked = contents(folder), ["--prompts", str(prompts), "--template", "direct"]
        commands = {
            "attribute": ["attribute", str(folder), *asked, "--method", "ships", "-o", str(tmp_path / "found.json")],
            "evaluate": [
                "evaluate",
                str(folder),
                *asked,
                "--kind",
                "prompts.txt=harmless",
                "--max-new-tokens",
                "3",
                "-o",
                str(tmp_path / "evaluation"),
            ],
            "apply": ["apply", str(recipe), str(folder), "-o", str(tmp_path / "out")],
            "in place": ["apply", str(recipe), str(folder), "--in-place"],
            "audit": ["audit", str(folder), "--blind"],
        }
        for command in commands.values():
            result = CliRunner().invoke(app, command)
            assert result.exit_code == 1, result.output
            assert "model: adapter_config.json lies beside the weights" in result.stderr
            assert "Traceback" not in result.output
        assert contents(folder) == before
        assert not list(tmp_path.glob("out*")) + list(tmp_path.glob("found*")) + list(tmp_path.glob("evaluation/evaluation*"))
        (folder / "adapter_config.json").unlink()
        loaded = load_model(folder, device="cpu", dtype="float32").model
        assert all(torch.equal(tensor, plain[name]) for name, tensor in loaded.state_dict().items())
        for name in ("attribute", "apply"):
            result = CliRunner().invoke(app, commands[name])
            assert result.exit_code == 0, result.output

    @pytest.mark.parametrize("name", ["model.layers.0.mlp.down_proj.weight", "lm_head.weight", "model.norm.weight"])
    def test_another_tensor_that_differs_is_noticed(self, name: str, base: Path) -> None:
        loaded = load_model(base, device="cpu")
        with torch.no_grad():
            loaded.model.get_parameter(name).mul_(1.01)
        with pytest.raises(ModelError, match=f"'{name}'"):
            check_as_stored(loaded.model, open_checkpoint(base))

    def test_a_configuration_that_names_other_weights(self, base: Path) -> None:
        save_file({name: tensor * 2 for name, tensor in load_file(base / WEIGHTS).items()}, base / "other.safetensors")
        change(base / "config.json", transformers_weights="other.safetensors")
        for read in (lambda: plan_surgery(RECIPE, open_checkpoint(base)), lambda: load_model(base, device="cpu")):
            assert "config.json names other weights (transformers_weights: 'other.safetensors')" in str(refusal(read))

    def test_shards_of_a_distributed_run(self, base: Path) -> None:
        save_file(load_file(base / WEIGHTS), base / "shard-00001-model-00001-of-00001.safetensors")
        assert "a shard of a distributed run" in str(refusal(lambda: load_model(base, device="cpu")))

    @pytest.mark.parametrize(
        "name", ["pytorch_model.bin", "model.fp16.safetensors", "consolidated.safetensors", "sub/model.safetensors"]
    )
    def test_other_files_of_weights_are_not_looked_at(self, name: str, base: Path) -> None:
        (base / name).parent.mkdir(exist_ok=True)
        save_file({name: tensor * 2 for name, tensor in load_file(base / WEIGHTS).items()}, base / name)
        loaded = load_model(base, device="cpu")
        assert torch.equal(loaded.model.get_parameter(O_PROJ), load_file(base / WEIGHTS)[O_PROJ])

    def test_a_stale_index_beside_a_single_file(self, base: Path) -> None:
        (base / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": {O_PROJ: "model-00001-of-00002.safetensors"}}))
        assert torch.equal(load_model(base, device="cpu").model.get_parameter(O_PROJ), load_file(base / WEIGHTS)[O_PROJ])
        assert INDEX in plan_surgery(RECIPE, open_checkpoint(base)).files.left_out

    @pytest.mark.parametrize("prefix", ["", "language_model."])
    def test_names_that_transformers_changes_as_it_loads(self, prefix: str, base: Path, tmp_path: Path) -> None:
        """A bare model without the prefix of its head is the same model, by hooks and by bytes."""
        tensors = load_file(base / WEIGHTS)
        renamed = {prefix + name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
        save_file(renamed | {"lm_head.weight": tensors["lm_head.weight"]}, base / WEIGHTS, metadata={"format": "pt"})
        error = attempt(lambda: load_model(base, device="cpu"))
        if error is not None:
            assert prefix
            assert "missing" in str(error)
            return
        loaded = load_model(base, device="cpu")
        assert torch.equal(loaded.model.get_parameter(O_PROJ), tensors[O_PROJ])
        apply_plan(plan_surgery(RECIPE, open_checkpoint(base)), tmp_path / "out")
        edited = load_model(tmp_path / "out", device="cpu").model.get_parameter(O_PROJ)
        assert (edited != tensors[O_PROJ]).any(dim=0).sum() == edited.shape[1] // 6

    @pytest.mark.parametrize(("stated", "tied"), [(True, False), (False, False), (True, True)])
    def test_tied_embeddings_are_what_the_file_says(self, stated: bool, tied: bool, base: Path) -> None:
        """Both stored and different: they stay different, whatever the configuration says."""
        tensors = load_file(base / WEIGHTS)
        if tied:
            tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
        save_file(tensors, base / WEIGHTS, metadata={"format": "pt"})
        change(base / "config.json", tie_word_embeddings=stated)
        loaded = load_model(base, device="cpu")
        assert torch.equal(loaded.model.get_parameter("lm_head.weight"), tensors["lm_head.weight"])

    def test_a_head_that_is_not_stored_is_not_random(self, base: Path) -> None:
        tensors = load_file(base / WEIGHTS)
        del tensors["lm_head.weight"]
        save_file(tensors, base / WEIGHTS, metadata={"format": "pt"})
        change(base / "config.json", tie_word_embeddings=False)
        assert "1 weights are missing, such as lm_head.weight" in str(refusal(lambda: load_model(base, device="cpu")))

    @pytest.mark.parametrize(
        "section",
        [
            {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}},
            {"quantization_config": {"quant_method": "gptq", "bits": 4}},
            {"quantization_config": {"load_in_4bit": True}},
            {"quantization": {"bits": 4, "group_size": 64}},
        ],
    )
    def test_plain_weights_under_a_configuration_that_says_quantized_are_said(self, section: dict[str, Any], base: Path) -> None:
        change(base / "config.json", **section)
        assert any("says that the weights are quantized" in note for note in plan_surgery(RECIPE, open_checkpoint(base)).notes)

    def test_where_something_is_quantized_nothing_is_said(self, base: Path) -> None:
        """As in gpt-oss: experts are, attention is plain on purpose."""
        tensors = load_file(base / WEIGHTS)
        save_file(tensors | {"model.layers.0.mlp.experts.blocks": torch.zeros(4, dtype=torch.uint8)}, base / WEIGHTS)
        change(base / "config.json", quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": ["self_attn"]})
        assert not any("quantized" in note for note in plan_surgery(RECIPE, open_checkpoint(base)).notes)


class TestShards:
    @pytest.fixture
    def sharded(self, tmp_path: Path) -> Path:
        return save_model("llama", tmp_path / "sharded", max_shard_size=FEW_KB)

    @staticmethod
    def duplicate(sharded: Path, *, listed: int) -> tuple[str, torch.Tensor]:
        """One tensor of the first shard, doubled in the second; the index names shard 0 or 1."""
        first, second, *_ = sorted(sharded.glob("*.safetensors"))
        name, values = next(iter(load_file(first).items()))
        save_file({**load_file(second), name: values * 2}, second, metadata={"format": "pt"})
        index = json.loads((sharded / INDEX).read_text())
        edit_json(sharded / INDEX, weight_map={**index["weight_map"], name: (first, second)[listed].name})
        return name, values * 2

    def test_of_two_the_index_names_the_one_that_is_loaded(self, sharded: Path) -> None:
        name, values = self.duplicate(sharded, listed=1)
        checkpoint = open_checkpoint(sharded)
        assert torch.equal(torch.from_numpy(read_tensor(checkpoint, checkpoint.tensors[name])), values)
        assert torch.equal(load_model(sharded, device="cpu").model.get_parameter(name), values)

    def test_of_two_the_index_names_the_other_one(self, sharded: Path) -> None:
        name, _ = self.duplicate(sharded, listed=0)
        error = refusal(lambda: open_checkpoint(sharded))
        assert f"'{name}' is in " in str(error)
        assert "transformers loads the last" in str(error)

    def test_a_tensor_in_another_shard_than_the_index_says_is_where_it_is(self, sharded: Path, tmp_path: Path) -> None:
        index = json.loads((sharded / INDEX).read_text())
        files = sorted(set(index["weight_map"].values()))
        wrong = next(file for file in files if file != index["weight_map"][O_PROJ])
        edit_json(sharded / INDEX, weight_map={**index["weight_map"], O_PROJ: wrong})
        apply_plan(plan_surgery(RECIPE, open_checkpoint(sharded)), tmp_path / "out")
        before, after = (load_model(path, device="cpu").model.get_parameter(O_PROJ) for path in (sharded, tmp_path / "out"))
        assert (before != after).any()

    def test_layers_that_were_dropped_from_the_index_alone(self, sharded: Path) -> None:
        """The shards still hold the last layer; the configuration and the index have one less."""
        index = json.loads((sharded / INDEX).read_text())
        layers = json.loads((sharded / "config.json").read_text())["num_hidden_layers"]
        kept = {name: file for name, file in index["weight_map"].items() if f"layers.{layers - 1}." not in name}
        edit_json(sharded / INDEX, weight_map=kept)
        change(sharded / "config.json", num_hidden_layers=layers - 1)
        assert load_model(sharded, device="cpu").model.config.num_hidden_layers == layers - 1  # type: ignore[union-attr]
        assert plan_surgery(RECIPE, open_checkpoint(sharded)).anatomy.geometry.num_layers == layers - 1

    def test_an_index_that_forgets_a_tensor(self, sharded: Path) -> None:
        index = json.loads((sharded / INDEX).read_text())
        edit_json(sharded / INDEX, weight_map={name: file for name, file in index["weight_map"].items() if name != O_PROJ})
        assert plan_surgery(RECIPE, open_checkpoint(sharded)).edits[0].tensor.name == O_PROJ
        load_model(sharded, device="cpu")


class TestMessages:
    @pytest.mark.parametrize(
        ("begin", "named"),
        [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:46\nsize 4\n", "git LFS pointer"),
            (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
            (b"Entry not found", "an error message of the Hub"),
            (b"", "file size 0"),
            (b"GGUF\3\0\0\0" + bytes(60), "a GGUF file under another name"),
            (b"PK\3\4" + bytes(60), "a zip or PyTorch file under another name"),
        ],
    )
    def test_what_came_in_place_of_the_weights(self, begin: bytes, named: str, base: Path) -> None:
        (base / WEIGHTS).write_bytes(begin)
        error = refusal(lambda: open_checkpoint(base))
        assert named in str(error)
        assert "git lfs pull" in error.hint or "download" in error.hint

    @pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json"])
    def test_a_pointer_in_place_of_a_small_file(self, file: str, base: Path) -> None:
        (base / file).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:46\nsize 4\n")
        error = refusal(lambda: load_model(base, device="cpu"))
        assert f"{file}: a git LFS pointer" in str(error)

    def test_weights_of_mlx_are_said_to_be_quantized(self, base: Path) -> None:
        tensors = {
            name: torch.zeros(len(tensor), 6, dtype=torch.uint32) if "proj" in name else tensor
            for name, tensor in load_file(base / WEIGHTS).items()
        }
        save_file(tensors, base / WEIGHTS)
        change(base / "config.json", quantization={"bits": 7, "group_size": 64})
        assert "quantized (MLX, 7 bits)" in str(refusal(lambda: plan_surgery(RECIPE, open_checkpoint(base))))

    @pytest.mark.parametrize(
        "command", [["inspect"], ["evaluate"], ["audit"], ["attribute", "--prompts", "builtin:decline", "-o", "o.json"]]
    )
    @pytest.mark.parametrize("file", [WEIGHTS, "config.json", "model.gguf"])
    def test_a_file_as_model(self, command: list[str], file: str, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(base.parent)
        (base / "model.gguf").write_bytes(b"GGUF")
        result = CliRunner().invoke(app, [command[0], str(base / file), *command[1:]])
        assert result.exit_code == 1
        said = (
            ["not a GGUF file: 4 bytes"] if file.endswith("gguf") else ["expected a checkpoint directory", f"its directory, {base}"]
        )
        assert all(one in result.output.replace("\n", " ") for one in said)

    def test_a_folder_with_weights_under_another_name(self, base: Path) -> None:
        (base / WEIGHTS).rename(base / "weights.safetensors")
        error = refusal(lambda: open_checkpoint(base))
        assert "found 'weights.safetensors'" in str(error)
        assert error.hint.endswith(f"name it {WEIGHTS}")


class TestLinks:
    def linked(self, base: Path) -> Path:
        folder = base.with_name("links")
        folder.mkdir()
        for entry in base.iterdir():
            (folder / entry.name).symlink_to(entry)
        return folder

    def test_a_folder_of_links_to_a_model_is_that_model(self, base: Path, tmp_path: Path) -> None:
        manifest = apply_plan(plan_surgery(RECIPE, open_checkpoint(self.linked(base))), tmp_path / "out")
        assert not manifest.left_out
        assert not any(path.is_symlink() for path in (tmp_path / "out").iterdir())
        load_model(tmp_path / "out", device="cpu")

    def test_links_into_blobs_as_older_hub_clients_made_them(self, base: Path, tmp_path: Path) -> None:
        (tmp_path / "blobs").mkdir()
        for number, entry in enumerate(sorted(base.iterdir())):
            entry.rename(tmp_path / "blobs" / str(number))
            entry.symlink_to(tmp_path / "blobs" / str(number))
        assert not plan_surgery(RECIPE, open_checkpoint(base)).files.left_out

    @pytest.mark.parametrize("name", ["notes.txt", "tokenizer.json"])
    def test_a_link_to_some_other_file_is_left_out_for_that_reason(self, name: str, base: Path) -> None:
        folder = self.linked(base)
        (folder / name).unlink(missing_ok=True)
        (base.parent / "secret").write_text("secret")
        (folder / name).symlink_to(base.parent / "secret")
        files = plan_surgery(RECIPE, open_checkpoint(folder)).files
        assert files.links == files.left_out == (name,)
        recipe = base.parent / "recipe.json"
        recipe.write_text(RECIPE.to_json())
        result = CliRunner().invoke(app, ["apply", str(recipe), str(folder), "-o", str(base.parent / "out")])
        assert "links that lead out of" in result.output.replace("\n", " ")


class TestNarrowOutput:
    @pytest.mark.parametrize("encoding", all_but(["ascii"], ["cp1252", "ascii", "latin-1", "cp437"]))
    @pytest.mark.parametrize(
        "command",
        all_but(
            ["inspect {0}", "inspect {0} --json"],
            ["inspect {0}", "inspect {0} --json", "diff {1} {0}", "diff {1} {0} --json", "audit {0} --json"],
        ),
    )
    def test_letters_that_it_does_not_have_end_no_command(self, encoding: str, command: str, base: Path) -> None:
        folder = base.rename(base.with_name("日本é🤗"))
        other = save_model("llama", folder.with_name("other"))
        done = subprocess.run(
            [sys.executable, "-m", "headsurgery", *command.format(folder, other).split()],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": encoding},
            check=False,
        )
        assert b"Traceback" not in done.stderr
        if "--json" in command:
            text = done.stdout.decode("ascii")
            assert "日本é🤗" in json.dumps(json.loads(text), ensure_ascii=False) or "diff" in command


def test_a_bug_of_ours_keeps_its_traceback(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headsurgery.edits.anatomy.describe", lambda _: 1 / 0)
    assert isinstance(CliRunner().invoke(app, ["inspect", str(base)]).exception, ZeroDivisionError)


def test_a_model_in_memory_needs_no_folder() -> None:
    """Models that were not loaded here have no guard; the functions that answer work on them all the same."""
    from headsurgery.model.loading import LoadedModel

    loaded = LoadedModel(model=build_model("llama"), tokenizer=build_tokenizer())
    assert complete_ids(loaded, PROMPTS, max_new_tokens=2)
