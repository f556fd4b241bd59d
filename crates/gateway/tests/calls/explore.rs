//! x
use crate::support::*;
#[tokio::test]
async fn explore() {
    let up = mimic().await;
    let g = Gateway::start(&providers(&up.url(), ", timeouts: { headers_ms: 300, connect_ms: 300, first_token_ms: 300, idle_ms: 300, total_ms: 3000 }")).await;
    for model in ["echo","fail+status=400","fail+status=400+code=context_length_exceeded","fail+status=401","fail+status=403","fail+status=404","fail+status=413","fail+status=422","fail+status=429+retry_after=7","fail+status=500","fail+status=502+body=html","fail+status=503","fail+status=529","fail+status=500+body=null","fail+status=500+body=empty",
      "echo+body=html","echo+body=null","echo+body=malformed","echo+body=empty","lorem+cut+at=0","lorem+cut+at=6","lorem+error+at=0","lorem+error+at=6","echo+no_done","echo+no_finish","echo+no_finish+no_done","echo+no_usage","echo+gzip","echo+chunked","reset+at=0","reset+at=6","stall+at=0","stall+at=6","hang","drop","echo+headers_ms=5000","echo+first_ms=5000","echo+two_finish","echo+azure","echo+comments","echo+bom","echo+crlf","echo+no_blank","echo+split=3","lorem+size=17000000+chunks=1"] {
        for stream in [false, true] {
            for client in Speaks::BOTH { for upstream in Speaks::BOTH {
                let t = tokio::time::Instant::now();
                let r = g.call(client, client.chat(&format!("{}/{model}", upstream.provider()), stream)).await;
                let e = g.entry().await;
                let mut body = String::from_utf8_lossy(&r.body).into_owned();
                if body.len() > 260 { let mut a = 200; while !body.is_char_boundary(a) {a-=1}; let mut b = body.len()-160; while !body.is_char_boundary(b) {b+=1}; body = format!("{} ... {}", &body[..if stream && r.status==200 {20.min(a)} else {a}], &body[b..]); }
                println!("{model:40} {} {}->{} {} {:?}/{:?}/{} est={} usage={}/{} cost={:?} fin={:?} ft={} att={} {}ms\n      {}", if stream {"S"} else {"-"}, client.provider(), upstream.provider(), r.status, e.answer.outcome, e.answer.error_kind, e.answer.status, e.estimated, e.usage.input_tokens, e.usage.output_tokens, e.cost, e.answer.finish, e.answer.first_token_us.is_some(), e.answer.attempts, t.elapsed().as_millis(), body.replace("\n","⏎"));
            }}
        }
    }
}
