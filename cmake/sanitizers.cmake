if(STREAMVIEW_SANITIZE)
  add_compile_options(-fsanitize=${STREAMVIEW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${STREAMVIEW_SANITIZE})
  add_compile_definitions(STREAMVIEW_CHECKED)  # core/base/check.h
endif()
if(STREAMVIEW_FUZZ)
  # What libFuzzer is guided by; its main() is linked to the targets only.
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
