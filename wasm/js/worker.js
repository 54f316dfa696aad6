// What runs in the Worker, where the page brings no script of its own.

import { serve } from './serve.js'

serve()
