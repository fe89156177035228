// tests/package/main.cpp -- uses an installed longclip: prints the number of text positions of ViT-B-16.
#include <iostream>

#include "model/architecture.h"

int main() { std::cout << "context_length " << longclip::preset_architecture("ViT-B-16").context_length << "\n"; }
