#pragma once  // declarations for ProcessGroupGloo.hpp, see README.md
