//! Reflection: what the daemon can be asked, for clients that do not know its contract. Taking the contract to pieces costs
//! more than the rest of the start together, so it is done when somebody asks for the first time.

use std::{
    convert::Infallible,
    marker::PhantomData,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use agentd_proto::FILE_DESCRIPTOR_SET;
use tonic::{
    body::Body,
    codegen::{Service, http},
    server::NamedService,
    service::Routes,
};
use tonic_reflection::{pb, server::Builder};

/// Adds both versions of the service: some widespread clients ask the old one only.
pub(super) fn add(routes: Routes) -> Routes {
    let made = Arc::new(OnceLock::new());
    let now = Lazy::<V1> { made: Arc::clone(&made), version: PhantomData };
    let old = Lazy::<V1Alpha> { made, version: PhantomData };
    routes.add_service(now).add_service(old)
}

/// A version of the service that is made when it is first asked.
struct Lazy<V> {
    made: Arc<OnceLock<Routes>>,
    version: PhantomData<fn() -> V>,
}

struct V1;
struct V1Alpha;

impl NamedService for Lazy<V1> {
    const NAME: &'static str = pb::v1::server_reflection_server::SERVICE_NAME;
}

impl NamedService for Lazy<V1Alpha> {
    const NAME: &'static str = pb::v1alpha::server_reflection_server::SERVICE_NAME;
}

impl<V> Clone for Lazy<V> {
    fn clone(&self) -> Self {
        Self { made: Arc::clone(&self.made), version: PhantomData }
    }
}

impl<V> Service<http::Request<Body>> for Lazy<V> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = <Routes as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // A copy of the router is always ready.
        self.made.get_or_init(both).clone().call(request)
    }
}

fn both() -> Routes {
    const VALID: &str = "the descriptors were made by the build, as a test holds";
    let described = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Routes::new(described().build_v1().expect(VALID)).add_service(described().build_v1alpha().expect(VALID))
}
