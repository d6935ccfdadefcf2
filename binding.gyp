# The libcurl addon for node-gyp and prebuildify; CMakeLists.txt is the build that development uses.
{
  'targets': [{
    'target_name': 'pginstall_curl',
    'sources': [
      'native/binding.cc',
      'native/body_sink.cc',
      'native/curl_code.cc',
      'native/notify.cc',
      'native/peer_credentials.cc',
      'native/request_body.cc',
      'native/response_head.cc',
      'native/transfer.cc',
      'native/transfer_configure.cc',
      'native/transfer_loop.cc',
    ],
    'dependencies': ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except_all"],
    'defines': ['NAPI_VERSION=8', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS', '_GNU_SOURCE'],
    'cflags': ['<!@(pkg-config --cflags libcurl)', '-fvisibility=hidden', '-Wall', '-Wextra'],
    'cflags_cc': ['-std=c++17'],
    'ldflags': ['-Wl,-z,nodelete', '-pthread'],
    'libraries': ['<!@(pkg-config --libs libcurl)'],
  }],
}
