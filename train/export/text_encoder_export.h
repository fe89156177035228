#pragma once
// train/export/text_encoder_export.h -- a text encoder for programs that make pictures: diffusers and ComfyUI.
// Sources: huggingface/diffusers pipelines/stable_diffusion*/pipeline_*.py encode_prompt; Comfy-Org/ComfyUI comfy/sd.py
// detect_te_model and load_text_encoder_state_dicts, comfy/text_encoders/long_clipl.py, comfy/clip_model.py.

#include <string>
#include <vector>

#include "train/export/export_options.h"

namespace longclip {

/// Writes out/text_encoder (config.json, model.safetensors: a CLIPTextModel, or with options.projection a
/// CLIPTextModelWithProjection) and out/tokenizer, the folders that a pipeline of diffusers takes. model_max_length and
/// max_position_embeddings are the model's. Returns what the user should know, one sentence each. Throws InputError for
/// options.projection where the model has none, and if `out` exists, unless options.overwrite.
std::vector<std::string> export_text_encoder(const TextEncoderWeights& weights, const std::filesystem::path& out,
                                             const ExportOptions& options);

/// Writes one .safetensors in Hugging Face's names, with the projection where there is one. ComfyUI takes the sizes from
/// its own list by the number of layers; what that would compute wrongly without a word is an InputError: another
/// activation, heads other than width/64, a projection that is not square, an end of text that is not the highest id.
/// What ComfyUI itself refuses (a width or a length that it does not know) is written, and told in the notes.
/// REQUIRES: `out` ends in .safetensors.
std::vector<std::string> export_comfyui(const TextEncoderWeights& weights, const std::filesystem::path& out,
                                        const ExportOptions& options);

}  // namespace longclip
