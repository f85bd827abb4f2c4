import { expect, it } from 'vitest';
import { RequestPlaces } from './request-places.ts';
import { StatusError } from './status.ts';

it('has so many places for each, and for all', () => {
  const places = new RequestPlaces({ all: 3, each: 2 });
  const giveBack = places.take('apps');
  places.take('apps');
  expect(() => places.take('apps')).toThrow(StatusError);
  places.take('shop');
  expect(() => places.take('test')).toThrow('Too many requests');
  giveBack();
  places.take('test');
  expect(() => places.take('apps')).toThrow(StatusError);
});
